"""AWS Organizations: accounts, organizational units, and the policies that bind them."""
