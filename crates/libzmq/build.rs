//! Gives the shared library the name that programs ask for, and keeps it loaded.

fn main() {
    // Programs linked to libzmq look for this name and no other.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libzmq.so.5");
    // See doc/decisions/0010-a-library-that-stays-loaded.md.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rerun-if-changed=build.rs");
}
