"""MFA devices, certificates, SSH keys, service credentials, providers."""

import datetime
import hashlib
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from iam_documents import make_certificate, totp


@pytest.fixture
def device(world, iam):
    world.clock.freeze()
    iam.create_user(UserName="ada")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    return made["SerialNumber"], made["Base32StringSeed"]


def codes(world, seed):
    now = world.clock.now()
    return {
        "AuthenticationCode1": totp(seed, now - datetime.timedelta(seconds=30)),
        "AuthenticationCode2": totp(seed, now),
    }


def test_a_device_is_enabled_by_two_codes_in_a_row(world, iam, device, aws_error):
    serial, seed = device
    assert serial == "arn:aws:iam::000000000000:mfa/phone"
    with aws_error("InvalidAuthenticationCode"):
        iam.enable_mfa_device(UserName="ada", SerialNumber=serial, AuthenticationCode1="000000", AuthenticationCode2="000000")
    iam.enable_mfa_device(UserName="ada", SerialNumber=serial, **codes(world, seed))
    assert [found["SerialNumber"] for found in iam.list_mfa_devices(UserName="ada")["MFADevices"]] == [serial]
    assert iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"][0]["User"]["UserName"] == "ada"
    assert iam.list_virtual_mfa_devices(AssignmentStatus="Unassigned")["VirtualMFADevices"] == []
    with aws_error("DeleteConflict"):
        iam.delete_virtual_mfa_device(SerialNumber=serial)
    with aws_error("DeleteConflict", "must delete MFA device first"):
        iam.delete_user(UserName="ada")
    iam.deactivate_mfa_device(UserName="ada", SerialNumber=serial)
    iam.delete_virtual_mfa_device(SerialNumber=serial)


def test_a_session_with_a_code_is_given_once_for_it(world, iam, device, aws_error):
    serial, seed = device
    iam.enable_mfa_device(UserName="ada", SerialNumber=serial, **codes(world, seed))
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    sts = world.client("sts", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    with aws_error("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code."):
        sts.get_session_token(SerialNumber=serial, TokenCode=totp(seed, world.clock.now()))
    world.clock.advance(seconds=30)
    code = totp(seed, world.clock.now())
    assert sts.get_session_token(SerialNumber=serial, TokenCode=code)["Credentials"]["AccessKeyId"].startswith("ASIA")
    with aws_error("AccessDenied"):
        sts.get_session_token(SerialNumber=serial, TokenCode=code)


def test_a_device_that_runs_fast_is_resynchronised(world, iam, device, aws_error):
    serial, seed = device
    iam.enable_mfa_device(UserName="ada", SerialNumber=serial, **codes(world, seed))
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    sts = world.client("sts", access_key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    fast = datetime.timedelta(seconds=240)
    world.clock.advance(seconds=60)
    with aws_error("AccessDenied"):
        sts.get_session_token(SerialNumber=serial, TokenCode=totp(seed, world.clock.now() + fast))
    now = world.clock.now() + fast
    iam.resync_mfa_device(
        UserName="ada",
        SerialNumber=serial,
        AuthenticationCode1=totp(seed, now),
        AuthenticationCode2=totp(seed, now + datetime.timedelta(seconds=30)),
    )
    world.clock.advance(seconds=60)
    sts.get_session_token(SerialNumber=serial, TokenCode=totp(seed, world.clock.now() + fast))


def test_a_server_certificate_must_fit_its_key(iam, aws_error):
    (body, key), (_, other) = make_certificate(), make_certificate()
    with aws_error("KeyPairMismatch"):
        iam.upload_server_certificate(ServerCertificateName="c", CertificateBody=body, PrivateKey=other)
    with aws_error("MalformedCertificate"):
        iam.upload_server_certificate(ServerCertificateName="c", CertificateBody="nonsense", PrivateKey=key)
    made = iam.upload_server_certificate(ServerCertificateName="c", CertificateBody=body, PrivateKey=key)["ServerCertificateMetadata"]
    assert made["Expiration"].year == 2035 and made["ServerCertificateId"].startswith("ASCA")
    found = iam.get_server_certificate(ServerCertificateName="c")["ServerCertificate"]
    assert found["CertificateBody"].strip() == body.strip() and "PrivateKey" not in found
    iam.update_server_certificate(ServerCertificateName="c", NewServerCertificateName="d", NewPath="/cloudfront/")
    assert iam.list_server_certificates(PathPrefix="/cloudfront/")["ServerCertificateMetadataList"][0]["ServerCertificateName"] == "d"
    iam.delete_server_certificate(ServerCertificateName="d")


def test_a_signing_certificate_is_a_users_and_not_there_twice(iam, aws_error):
    iam.create_user(UserName="u")
    body, _ = make_certificate()
    made = iam.upload_signing_certificate(UserName="u", CertificateBody=body)["Certificate"]
    with aws_error("DuplicateCertificate"):
        iam.upload_signing_certificate(UserName="u", CertificateBody=body)
    iam.update_signing_certificate(UserName="u", CertificateId=made["CertificateId"], Status="Inactive")
    assert iam.list_signing_certificates(UserName="u")["Certificates"][0]["Status"] == "Inactive"
    iam.delete_signing_certificate(UserName="u", CertificateId=made["CertificateId"])


def test_an_ssh_key_has_the_fingerprint_that_ssh_keygen_says(iam, tmp_path, aws_error):
    iam.create_user(UserName="u")
    with aws_error("InvalidPublicKey"):
        iam.upload_ssh_public_key(UserName="u", SSHPublicKeyBody="ssh-rsa nonsense")
    public = rsa.generate_private_key(65537, 2048).public_key()
    line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    made = iam.upload_ssh_public_key(UserName="u", SSHPublicKeyBody=f"{line} ada@laptop")["SSHPublicKey"]
    (tmp_path / "key.pub").write_text(line)
    said = subprocess.run(["ssh-keygen", "-l", "-E", "md5", "-f", tmp_path / "key.pub"], capture_output=True, text=True, check=True).stdout
    assert f"MD5:{made['Fingerprint']} " in said
    pem = iam.get_ssh_public_key(UserName="u", SSHPublicKeyId=made["SSHPublicKeyId"], Encoding="PEM")["SSHPublicKey"]["SSHPublicKeyBody"]
    assert serialization.load_pem_public_key(pem.encode()) == public
    with aws_error("DuplicateSSHPublicKey"):
        iam.upload_ssh_public_key(UserName="u", SSHPublicKeyBody=pem)


def test_a_service_credential_is_shown_once_and_can_be_reset(iam, aws_error):
    iam.create_user(UserName="u")
    with aws_error("NotSupportedService"):
        iam.create_service_specific_credential(UserName="u", ServiceName="nothing.amazonaws.com")
    made = iam.create_service_specific_credential(UserName="u", ServiceName="codecommit.amazonaws.com")["ServiceSpecificCredential"]
    assert made["ServiceUserName"] == "u-at-000000000000"
    listed = iam.list_service_specific_credentials(UserName="u")["ServiceSpecificCredentials"]
    assert len(listed) == 1 and "ServicePassword" not in listed[0]
    reset = iam.reset_service_specific_credential(UserName="u", ServiceSpecificCredentialId=made["ServiceSpecificCredentialId"])
    assert reset["ServiceSpecificCredential"]["ServicePassword"] != made["ServicePassword"]


def test_an_oidc_provider_keeps_its_clients_and_thumbprints(iam, aws_error):
    made = iam.create_open_id_connect_provider(Url="https://id.example.com/pool", ClientIDList=["a"], ThumbprintList=["a" * 40])
    arn = made["OpenIDConnectProviderArn"]
    assert arn == "arn:aws:iam::000000000000:oidc-provider/id.example.com/pool"
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="b")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="a")
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (found["Url"], found["ClientIDList"], found["ThumbprintList"]) == ("id.example.com/pool", ["b"], ["a" * 40])
    with aws_error("EntityAlreadyExists"):
        iam.create_open_id_connect_provider(Url="https://id.example.com/pool")
    with aws_error("ValidationError"):
        iam.create_open_id_connect_provider(Url="http://id.example.com")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("hello", "d9425dfc02fbbe47f123cf0ca192905819d46b3bfcfe88341ea76c41267db2f3"),
        ("otpauth://totp/" + "x" * 60, "cdd34c6b218b41b7c28a28d4393879a238bc532381b789de74723b069d9f0829"),
        ("otpauth://totp/" + "x" * 190, "725cfe9c1a219bb2a7a9d10425549f46a668b5aa5adebd4359c9a9ed99bfe435"),
        ("otpauth://totp/" + "x" * 400, "d0e13d888d2eff70118ab28f527034922fb5f56a7086547f24a187ec5a87920d"),
    ],
)
def test_a_qr_code_is_the_one_that_the_qrcode_library_draws(text, digest):
    from cloudjar.services.iam.qr import matrix

    rows = "\n".join("".join(map(str, row)) for row in matrix(text.encode()))
    assert hashlib.sha256(rows.encode()).hexdigest() == digest


def test_a_device_comes_with_a_picture_of_its_seed(iam):
    picture = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]["QRCodePNG"]
    assert picture.startswith(b"\x89PNG\r\n\x1a\n") and picture.endswith(b"IEND\xaeB`\x82")
