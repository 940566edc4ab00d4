//! The boxes against the published vectors of NaCl ("Cryptography in NaCl", Bernstein 2009), and
//! their edges.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const ALICE_SECRET: &str = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
const ALICE_PUBLIC: &str = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
const BOB_SECRET: &str = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
const BOB_PUBLIC: &str = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
const AGREED: &str = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
const FIRST_KEY: &str = "1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389";
const NONCE: &str = "69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37";
const TEXT: &str = concat!(
    "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c",
    "61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f",
    "21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705",
);
const SEALED: &str = concat!(
    "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1",
    "186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab9321645",
    "48e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b",
    "1f654cb45a74e355a5",
);

fn octets(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

fn array<const N: usize>(digits: &str) -> [u8; N] {
    octets(digits).try_into().unwrap()
}

#[test]
fn public_keys_are_those_of_nacl() {
    assert_eq!(public_key(&array(ALICE_SECRET)), array(ALICE_PUBLIC));
    assert_eq!(public_key(&array(BOB_SECRET)), array(BOB_PUBLIC));
}

#[test]
fn agreement_and_key_derivation_are_those_of_nacl() {
    let agreed = Library::agree(&array(ALICE_SECRET), &array(BOB_PUBLIC));
    assert_eq!(*agreed, array(AGREED));
    assert_eq!(*Library::agree(&array(BOB_SECRET), &array(ALICE_PUBLIC)), *agreed);
    assert_eq!(*Library::derive(&agreed, &[0; 16]), array(FIRST_KEY));
}

#[test]
fn a_box_is_that_of_nacl_and_opens() {
    let alice = BoxKey::agree(&array(ALICE_SECRET), &array(BOB_PUBLIC)).unwrap();
    let bob = BoxKey::agree(&array(BOB_SECRET), &array(ALICE_PUBLIC)).unwrap();
    let text = octets(TEXT);
    let mut sealed = Vec::new();
    alice.seal(&array(NONCE), &[&text[..40], &text[40..]], &mut sealed);
    assert_eq!(sealed, octets(SEALED));
    assert_eq!(*bob.open(&array(NONCE), &sealed).unwrap(), text);
}

#[test]
fn boxes_of_every_length_open_and_any_changed_bit_is_found() {
    let key = BoxKey::secret(Secret::new([7; 32])).stream(b"CurveZMQMESSAGEC");
    for length in (0..200).chain([1023, 1024, 1025, 65_537]) {
        let text: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let mut sealed = text.clone();
        let tag = key.seal(9, &mut sealed);
        let before = sealed.clone();
        let mut wrong = tag;
        wrong[length % 16] ^= 1 << (length % 8);
        assert!(!key.open(9, &mut sealed, &wrong));
        assert!(!key.open(10, &mut sealed, &tag));
        if length > 0 {
            sealed[length / 2] ^= 0x40;
            assert!(!key.open(9, &mut sealed, &tag));
            sealed[length / 2] ^= 0x40;
        }
        assert_eq!(sealed, before, "a box that does not open is left alone");
        assert!(key.open(9, &mut sealed, &tag));
        assert_eq!(sealed, text);
    }
}

#[test]
fn keys_of_small_order_make_no_box() {
    // The points of order 1, 2, 4 and 8 on the curve and its twist, and their other encodings.
    for point in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ] {
        let made = BoxKey::agree(&array(ALICE_SECRET), &array(point));
        let small = Library::agree(&array(ALICE_SECRET), &array(point));
        assert_eq!(made.is_none(), *small == [0; 32], "{point}");
        // The last but one is no small point: it shows that others are let through.
        assert_eq!(made.is_none(), !point.starts_with("cd"), "{point}");
    }
}
