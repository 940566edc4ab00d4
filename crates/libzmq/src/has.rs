//! What this library can do, by name: `zmq_has(3)`. The list is constant and any thread may ask.

use std::ffi::{CStr, c_char, c_int};

/// What answers yes. The names are those of libzmq, which spells `WS` and `WSS` in capitals.
const CAPABILITIES: [&CStr; 7] = [c"ipc", c"curve", c"tipc", c"vsock", c"draft", c"WS", c"WSS"];

/// 1 if the library has the capability, 0 if not or if there is none of this name.
///
/// # Safety
/// `capability` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_has(capability: *const c_char) -> c_int {
    if capability.is_null() {
        return 0;
    }
    // SAFETY: not NULL, so a string by the caller's promise.
    c_int::from(CAPABILITIES.contains(&unsafe { CStr::from_ptr(capability) }))
}
