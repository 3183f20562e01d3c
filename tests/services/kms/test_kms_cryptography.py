"""What keys do: results are checked with a library that is not KMS's."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key, load_der_public_key

RSA_SIGNING = [f"RSASSA_{scheme}_SHA_{bits}" for scheme in ("PSS", "PKCS1_V1_5") for bits in (256, 384, 512)]
ECDSA = {"ECC_NIST_P256": 256, "ECC_NIST_P384": 384, "ECC_NIST_P521": 512, "ECC_SECG_P256K1": 256}


def make(kms, spec, usage):
    return kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]


@pytest.fixture
def rsa(kms):
    return make(kms, "RSA_2048", "SIGN_VERIFY")


def test_what_was_encrypted_is_decrypted_without_naming_the_key(kms, key):
    answer = kms.encrypt(KeyId=key, Plaintext=b"a secret of some length", EncryptionContext={"app": "x", "b": "y"})
    assert b"a secret" not in answer["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=answer["CiphertextBlob"], EncryptionContext={"b": "y", "app": "x"})
    assert opened["Plaintext"] == b"a secret of some length"
    assert opened["KeyId"] == answer["KeyId"]
    assert opened["KeyMaterialId"] == kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]


def test_equal_plaintexts_give_different_ciphertexts(kms, key):
    assert len({kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"] for _ in range(3)}) == 3


def test_a_changed_byte_anywhere_is_noticed(kms, key):
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b"})["CiphertextBlob"]
    for place in range(len(blob)):
        changed = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        with pytest.raises(kms.exceptions.ClientError) as caught:
            kms.decrypt(CiphertextBlob=changed, EncryptionContext={"a": "b"})
        assert caught.value.response["Error"]["Code"] in ("InvalidCiphertextException", "AccessDeniedException"), place


@pytest.mark.parametrize("context", [{}, {"a": "c"}, {"a": "b", "c": "d"}])
def test_another_encryption_context_does_not_decrypt(kms, key, aws_error, context):
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b"})["CiphertextBlob"]
    with aws_error("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)


def test_naming_another_key_is_refused(kms, key, aws_error):
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    with aws_error("IncorrectKeyException", "does not identify a CMK that can perform this operation"):
        kms.decrypt(CiphertextBlob=blob, KeyId=other)
    with aws_error("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=b"nonsense")


def test_a_ciphertext_opens_in_its_own_region_only(world, kms, key, aws_error):
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    with aws_error("AccessDeniedException"):
        world.client("kms", region="eu-west-1").decrypt(CiphertextBlob=blob)


def test_re_encrypting_moves_a_plaintext_to_another_key_and_context(kms, key):
    other = kms.create_key()["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b"})["CiphertextBlob"]
    moved = kms.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext={"a": "b"}, DestinationKeyId=other, DestinationEncryptionContext={"c": "d"}
    )
    assert moved["KeyId"] == other and moved["SourceKeyId"].endswith(key)
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"c": "d"})
    assert (opened["KeyId"], opened["Plaintext"]) == (other, b"x")


def test_a_data_key_encrypts_outside_and_comes_back(kms, key):
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"file": "1"})
    assert len(made["Plaintext"]) == 32 and made["Plaintext"] not in made["CiphertextBlob"]
    sealed = AESGCM(made["Plaintext"]).encrypt(bytes(12), b"payload", None)
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"file": "1"})["Plaintext"]
    assert AESGCM(opened).decrypt(bytes(12), sealed, None) == b"payload"


def test_a_data_key_without_plaintext_shows_none(kms, key, aws_error):
    made = kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=48)
    assert "Plaintext" not in made
    assert len(kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"]) == 48
    with aws_error("ValidationException", "Please specify either number of bytes or key spec."):
        kms.generate_data_key(KeyId=key)


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P384", "ECC_NIST_EDWARDS25519", "ML_KEM_768"])
def test_a_data_key_pair_matches_its_public_key(kms, key, spec):
    made = kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec)
    private = load_der_private_key(made["PrivateKeyPlaintext"], None)
    assert private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == made["PublicKey"]
    assert kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"])["Plaintext"] == made["PrivateKeyPlaintext"]
    assert "PrivateKeyPlaintext" not in kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec="ECC_NIST_P256")


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])
def test_rsa_decrypts_what_its_public_key_encrypted_elsewhere(kms, aws_error, algorithm):
    key = make(kms, "RSA_2048", "ENCRYPT_DECRYPT")
    digest = hashes.SHA1() if algorithm.endswith("SHA_1") else hashes.SHA256()
    public = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    blob = public.encrypt(b"from outside", padding.OAEP(padding.MGF1(digest), digest, None))
    assert kms.decrypt(KeyId=key, CiphertextBlob=blob, EncryptionAlgorithm=algorithm)["Plaintext"] == b"from outside"
    inside = kms.encrypt(KeyId=key, Plaintext=b"here", EncryptionAlgorithm=algorithm)["CiphertextBlob"]
    assert kms.decrypt(KeyId=key, CiphertextBlob=inside, EncryptionAlgorithm=algorithm)["Plaintext"] == b"here"
    with aws_error("ValidationException", "cannot encrypt data larger than"):
        kms.encrypt(KeyId=key, Plaintext=b"x" * 215, EncryptionAlgorithm=algorithm)
    with aws_error("InvalidCiphertextException"):
        kms.decrypt(KeyId=key, CiphertextBlob=b"x" * 256, EncryptionAlgorithm=algorithm)
    with aws_error("InvalidKeyUsageException", "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048."):
        kms.encrypt(KeyId=key, Plaintext=b"x")


@pytest.mark.parametrize("algorithm", RSA_SIGNING)
def test_rsa_signatures_verify_elsewhere(kms, rsa, aws_error, algorithm):
    bits = int(algorithm[-3:])
    digest = getattr(hashes, f"SHA{bits}")()
    scheme = padding.PSS(padding.MGF1(digest), digest.digest_size) if "PSS" in algorithm else padding.PKCS1v15()
    public = load_der_public_key(kms.get_public_key(KeyId=rsa)["PublicKey"])
    hashed = hashlib.new(f"sha{bits}", b"message").digest()
    for message, kind in ((b"message", "RAW"), (hashed, "DIGEST")):
        signature = kms.sign(KeyId=rsa, Message=message, MessageType=kind, SigningAlgorithm=algorithm)["Signature"]
        public.verify(signature, b"message", scheme, digest)
    assert kms.verify(KeyId=rsa, Message=b"message", Signature=signature, SigningAlgorithm=algorithm)["SignatureValid"]
    with aws_error("KMSInvalidSignatureException"):
        kms.verify(KeyId=rsa, Message=b"another", Signature=signature, SigningAlgorithm=algorithm)
    with aws_error("ValidationException", "Digest is invalid length"):
        kms.sign(KeyId=rsa, Message=b"short", MessageType="DIGEST", SigningAlgorithm=algorithm)


@pytest.mark.parametrize("spec", ECDSA)
def test_elliptic_curves_sign(kms, aws_error, spec):
    key = make(kms, spec, "SIGN_VERIFY")
    algorithm = f"ECDSA_SHA_{ECDSA[spec]}"
    signature = kms.sign(KeyId=key, Message=b"message", SigningAlgorithm=algorithm)["Signature"]
    public = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    public.verify(signature, b"message", ec.ECDSA(getattr(hashes, f"SHA{ECDSA[spec]}")()))
    with aws_error("KMSInvalidSignatureException"):
        kms.verify(KeyId=key, Message=b"message", Signature=b"nonsense", SigningAlgorithm=algorithm)
    with aws_error("InvalidKeyUsageException"):
        kms.sign(KeyId=key, Message=b"message", SigningAlgorithm="RSASSA_PSS_SHA_256")


def test_ed25519_signs_raw_messages(kms, aws_error):
    key = make(kms, "ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
    signature = kms.sign(KeyId=key, Message=b"message", SigningAlgorithm="ED25519_SHA_512")["Signature"]
    load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"]).verify(signature, b"message")
    assert kms.verify(KeyId=key, Message=b"message", Signature=signature, SigningAlgorithm="ED25519_SHA_512")["SignatureValid"]
    with aws_error("NotImplemented"):
        kms.sign(KeyId=key, Message=b"x" * 64, MessageType="DIGEST", SigningAlgorithm="ED25519_PH_SHA_512")


def test_ml_dsa_signs_messages_and_their_external_mu(kms):
    key = make(kms, "ML_DSA_44", "SIGN_VERIFY")
    signature = kms.sign(KeyId=key, Message=b"message", SigningAlgorithm="ML_DSA_SHAKE_256")["Signature"]
    public = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    assert isinstance(public, mldsa.MLDSA44PublicKey)
    public.verify(signature, b"message")
    signature = kms.sign(KeyId=key, Message=bytes(64), MessageType="EXTERNAL_MU", SigningAlgorithm="ML_DSA_SHAKE_256")["Signature"]
    answer = kms.verify(KeyId=key, Message=bytes(64), MessageType="EXTERNAL_MU", Signature=signature, SigningAlgorithm="ML_DSA_SHAKE_256")
    assert answer["SignatureValid"]


def test_ml_kem_shares_a_secret(kms, aws_error):
    key = make(kms, "ML_KEM_768", "ENCAPSULATE_DECAPSULATE")
    secret, blob = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"]).encapsulate()
    assert kms.decapsulate(KeyId=key, SharedSecretCiphertextBlob=blob, EncapsulationAlgorithm="ML_KEM")["SharedSecret"] == secret
    here = kms.encapsulate(KeyId=key, EncapsulationAlgorithm="ML_KEM")
    again = kms.decapsulate(KeyId=key, SharedSecretCiphertextBlob=here["SharedSecretCiphertextBlob"], EncapsulationAlgorithm="ML_KEM")
    assert again["SharedSecret"] == here["SharedSecret"]
    with aws_error("InvalidCiphertextException"):
        kms.decapsulate(KeyId=key, SharedSecretCiphertextBlob=b"short", EncapsulationAlgorithm="ML_KEM")


def test_two_parties_derive_the_same_secret(kms, aws_error):
    key = make(kms, "ECC_NIST_P256", "KEY_AGREEMENT")
    peer = ec.generate_private_key(ec.SECP256R1())
    theirs = peer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    secret = kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=theirs)["SharedSecret"]
    assert secret == peer.exchange(ec.ECDH(), load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"]))
    wrong = ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with aws_error("ValidationException"):
        kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=wrong)


@pytest.mark.parametrize("bits", [224, 256, 384, 512])
def test_macs_are_verified(kms, aws_error, bits):
    key = make(kms, f"HMAC_{bits}", "GENERATE_VERIFY_MAC")
    mac = kms.generate_mac(KeyId=key, Message=b"m", MacAlgorithm=f"HMAC_SHA_{bits}")["Mac"]
    assert len(mac) == bits // 8
    assert kms.verify_mac(KeyId=key, Message=b"m", Mac=mac, MacAlgorithm=f"HMAC_SHA_{bits}")["MacValid"]
    with aws_error("KMSInvalidMacException"):
        kms.verify_mac(KeyId=key, Message=b"n", Mac=mac, MacAlgorithm=f"HMAC_SHA_{bits}")
    with aws_error("UnsupportedOperationException"):
        kms.get_public_key(KeyId=key)


def test_a_key_does_only_what_it_is_for(kms, key, rsa, aws_error):
    with aws_error("InvalidKeyUsageException", "key usage is SIGN_VERIFY which is not valid for Encrypt."):
        kms.encrypt(KeyId=rsa, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    with aws_error("InvalidKeyUsageException", "key usage is ENCRYPT_DECRYPT which is not valid for Sign."):
        kms.sign(KeyId=key, Message=b"x", SigningAlgorithm="RSASSA_PSS_SHA_256")


def test_a_dry_run_says_that_it_would_have_succeeded(kms, key, aws_error):
    with aws_error("DryRunOperationException", "would have succeeded"):
        kms.encrypt(KeyId=key, Plaintext=b"x", DryRun=True)
    with aws_error("DryRunOperationException"):
        kms.decrypt(KeyId=key, DryRun=True, DryRunModifiers=["IGNORE_CIPHERTEXT"])
    kms.disable_key(KeyId=key)
    with aws_error("DisabledException"):
        kms.encrypt(KeyId=key, Plaintext=b"x", DryRun=True)


def test_random_bytes_have_the_length_asked_for(kms, aws_error):
    assert len(kms.generate_random(NumberOfBytes=100)["Plaintext"]) == 100
    with aws_error("ValidationException"):
        kms.generate_random()


def test_material_shows_nowhere(world, kms, key, tmp_path):
    """Neither in a description of the key nor in what a record prints."""
    from cloudjar.services.kms.records import Material

    assert "Secret" not in str(kms.describe_key(KeyId=key)) and "secret" not in repr(Material("k", "m", 1, b"secret"))
    assert hmac.compare_digest(repr(Material("k", "m", 1, b"x")), str(Material("k", "m", 1, b"y")))


def test_the_last_use_of_a_key_is_known(world, kms, key, aws_error):
    fresh = kms.get_key_last_usage(KeyId=key)
    assert fresh["KeyLastUsage"] == {} and fresh["TrackingStartDate"] == fresh["KeyCreationDate"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.get_key_last_usage(KeyId=key)["KeyLastUsage"]["Operation"] == "Encrypt"
    world.clock.advance(hours=1)
    answer = kms.decrypt(CiphertextBlob=blob)
    last = kms.get_key_last_usage(KeyId=key)["KeyLastUsage"]
    assert (last["Operation"], last["KmsRequestId"]) == ("Decrypt", answer["ResponseMetadata"]["RequestId"])
    with aws_error("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"})
    with aws_error("DryRunOperationException"):
        kms.generate_data_key(KeyId=key, KeySpec="AES_256", DryRun=True)
    assert kms.get_key_last_usage(KeyId=key)["KeyLastUsage"] == last
    target = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=target)
    assert {kms.get_key_last_usage(KeyId=each)["KeyLastUsage"]["Operation"] for each in (key, target)} == {"ReEncrypt"}
