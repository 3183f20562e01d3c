package org.crac;

/** Resources have failed; each failure is a suppressed exception. */
public class RestoreException extends Exception {
    public RestoreException() {}

    public RestoreException(String message) {
        super(message);
    }
}
