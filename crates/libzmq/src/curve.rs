//! Keys and their text: Z85 and the key pairs of CURVE. Any thread may call.

use std::ffi::{CStr, c_char, c_int};

use oxmq_zmtp::{CurveKeyPair, CurveSecretKey, Entropy, z85};

use crate::boundary::{Result, bytes, guarded};
use crate::errno::Errno;

/// Characters of a key and the zero byte behind them.
const KEY_TEXT_BYTES: usize = 41;

/// Writes `size` bytes as Z85 text to `dest`, a quarter more and a zero byte, and returns `dest`;
/// NULL with `EINVAL` when `size` is no multiple of 4 or an argument is NULL. `zmq_z85_encode(3)`.
///
/// # Safety
/// `data` is NULL or has `size` bytes; `dest` is NULL or has room for the text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_z85_encode(
    dest: *mut c_char,
    data: *const u8,
    size: usize,
) -> *mut c_char {
    guarded(|| {
        if !size.is_multiple_of(4) || dest.is_null() {
            return Err(Errno(libc::EINVAL));
        }
        // SAFETY: NULL, or `size` bytes by the caller's promise.
        let data = unsafe { bytes(data.cast(), size, libc::EINVAL) }?;
        let mut place = dest;
        for group in data.as_chunks::<4>().0 {
            let text = z85::encode_group(*group);
            // SAFETY: the caller promised five characters for each four bytes and one more.
            unsafe {
                place.cast::<[u8; 5]>().write_unaligned(text);
                place = place.add(text.len());
            }
        }
        // SAFETY: the last of the characters that the caller promised.
        unsafe { place.write(0) };
        Ok(dest)
    })
}

/// Writes the bytes that Z85 text stands for to `dest` and returns `dest`; NULL with `EINVAL` when
/// the text is empty, its length is no multiple of 5, it is not Z85, or an argument is NULL.
/// `zmq_z85_decode(3)`.
///
/// # Safety
/// `string` is NULL or a string; `dest` is NULL or has room for four bytes for each five
/// characters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_z85_decode(dest: *mut u8, string: *const c_char) -> *mut u8 {
    guarded(|| {
        if dest.is_null() || string.is_null() {
            return Err(Errno(libc::EINVAL));
        }
        // SAFETY: not NULL, so a string by the caller's promise.
        let text = unsafe { CStr::from_ptr(string) }.to_bytes();
        let (groups, []) = text.as_chunks::<5>() else { return Err(Errno(libc::EINVAL)) };
        if groups.is_empty() {
            return Err(Errno(libc::EINVAL));
        }
        let mut place = dest;
        for group in groups {
            let data = z85::decode_group(*group).ok_or(Errno(libc::EINVAL))?;
            // SAFETY: the caller promised four bytes for each five characters.
            unsafe {
                place.cast::<[u8; 4]>().write_unaligned(data);
                place = place.add(data.len());
            }
        }
        Ok(dest)
    })
}

/// Writes a new key pair as text, 41 bytes each. -1 with `EINVAL` when an argument is NULL, with
/// `EAGAIN` when the system has no random bytes. `zmq_curve_keypair(3)`.
///
/// # Safety
/// Each pointer is NULL or has room for 41 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_curve_keypair(
    z85_public_key: *mut c_char,
    z85_secret_key: *mut c_char,
) -> c_int {
    guarded(|| {
        if z85_public_key.is_null() || z85_secret_key.is_null() {
            return Err(Errno(libc::EINVAL));
        }
        let pair = CurveKeyPair::generate(&Entropy::system()).map_err(|_| Errno(libc::EAGAIN))?;
        // SAFETY: neither is NULL, so each has 41 bytes by the caller's promise.
        unsafe {
            write_key(&pair.public.to_z85(), z85_public_key)?;
            write_key(&pair.secret.to_z85(), z85_secret_key)?;
        }
        Ok(0)
    })
}

/// Writes the public key of a secret key as text, 41 bytes. -1 with `EINVAL` when the secret key is
/// not 40 characters of Z85 or an argument is NULL. `zmq_curve_public(3)`.
///
/// # Safety
/// `z85_public_key` is NULL or has room for 41 bytes; `z85_secret_key` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_curve_public(
    z85_public_key: *mut c_char,
    z85_secret_key: *const c_char,
) -> c_int {
    guarded(|| {
        if z85_public_key.is_null() || z85_secret_key.is_null() {
            return Err(Errno(libc::EINVAL));
        }
        // SAFETY: not NULL, so a string by the caller's promise.
        let text = unsafe { CStr::from_ptr(z85_secret_key) }.to_bytes();
        let secret = CurveSecretKey::from_z85(text).ok_or(Errno(libc::EINVAL))?;
        // SAFETY: not NULL, so 41 bytes by the caller's promise.
        unsafe { write_key(&secret.public_key().to_z85(), z85_public_key)? };
        Ok(0)
    })
}

/// Writes the text of a key and a zero byte.
///
/// # Safety
/// `dest` has room for 41 bytes.
unsafe fn write_key(text: &str, dest: *mut c_char) -> Result<()> {
    if text.len() + 1 != KEY_TEXT_BYTES {
        return Err(Errno(libc::EFAULT));
    }
    // SAFETY: 40 characters and one byte, which the caller has room for.
    unsafe {
        dest.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len());
        dest.add(text.len()).write(0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use super::*;
    use crate::errno::zmq_errno;

    fn fails<T: PartialEq + std::fmt::Debug + Copy>(value: T, failed: T) {
        assert_eq!(value, failed);
        assert_eq!(zmq_errno(), libc::EINVAL);
    }

    #[test]
    fn text_and_bytes_become_each_other() {
        let mut text = [1 as c_char; 12];
        let data = [0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B];
        let mut back = [0; 8];
        // SAFETY: the buffers have the sizes that the functions ask for.
        unsafe {
            let start = text.as_mut_ptr();
            assert_eq!(zmq_z85_encode(start, data.as_ptr(), 8), start);
            assert_eq!(CStr::from_ptr(start), c"HelloWorld");
            assert_eq!(text[11], 1, "written no further than the zero byte");
            let start = back.as_mut_ptr();
            assert_eq!(zmq_z85_decode(start, c"HelloWorld".as_ptr()), start);
            assert_eq!(back, data);
            assert_eq!(zmq_z85_encode(text.as_mut_ptr(), null_mut(), 0), text.as_mut_ptr());
            assert_eq!(text[0], 0);
        }
    }

    #[test]
    fn wrong_lengths_characters_and_pointers_are_invalid() {
        let mut text = [0 as c_char; 12];
        let mut back = [0; 8];
        // SAFETY: the buffers have the sizes that the functions ask for.
        unsafe {
            fails(zmq_z85_encode(text.as_mut_ptr(), back.as_ptr(), 7), null_mut());
            fails(zmq_z85_encode(text.as_mut_ptr(), null_mut(), 4), null_mut());
            fails(zmq_z85_encode(null_mut(), back.as_ptr(), 4), null_mut());
            for wrong in [c"", c"1234", c"123456", c"1234\"", c"%nSc1", c"#####"] {
                fails(zmq_z85_decode(back.as_mut_ptr(), wrong.as_ptr()), null_mut());
            }
            fails(zmq_z85_decode(null_mut(), c"12345".as_ptr()), null_mut());
            fails(zmq_z85_decode(back.as_mut_ptr(), null_mut()), null_mut());
        }
    }

    #[test]
    fn a_pair_is_the_pair_of_its_secret_key() {
        let mut public = [1 as c_char; 42];
        let mut secret = [1 as c_char; 42];
        let mut derived = [1 as c_char; 42];
        // SAFETY: the buffers have room for 41 bytes.
        unsafe {
            assert_eq!(zmq_curve_keypair(public.as_mut_ptr(), secret.as_mut_ptr()), 0);
            assert_eq!(zmq_curve_public(derived.as_mut_ptr(), secret.as_ptr()), 0);
            assert_eq!(derived, public);
            assert_ne!(public[..40], secret[..40]);
            assert_eq!((public[40], public[41]), (0, 1));
            fails(zmq_curve_keypair(null_mut(), secret.as_mut_ptr()), -1);
            fails(zmq_curve_keypair(public.as_mut_ptr(), null_mut()), -1);
            fails(zmq_curve_public(null_mut(), secret.as_ptr()), -1);
            fails(zmq_curve_public(public.as_mut_ptr(), null_mut()), -1);
            for wrong in [c"", c"abc", c"00000000000000000000000000000000000"] {
                fails(zmq_curve_public(public.as_mut_ptr(), wrong.as_ptr()), -1);
            }
            // The public key of the secret key with 32 zero octets, as libzmq 4.3.4 computes it.
            let zeros = c"0000000000000000000000000000000000000000";
            assert_eq!(zmq_curve_public(public.as_mut_ptr(), zeros.as_ptr()), 0);
            let expected = c"fxERSn6LHg6!4!qu+m-(f-Q<1UF!=7)u0-ysJ-^F";
            assert_eq!(CStr::from_ptr(public.as_ptr()), expected);
        }
    }
}
