//! The files by which other builds find the library: for pkg-config and for CMake. Pure text.

use super::{SO_VERSION, VERSION};

/// What the static library needs of the system, as `rustc --print native-static-libs` names it.
const PRIVATE: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl";

/// `libzmq.pc`.
pub(super) fn pkg_config(prefix: &str, libdir: &str) -> String {
    format!(
        "prefix={prefix}\n\
         exec_prefix=${{prefix}}\n\
         libdir=${{prefix}}/{libdir}\n\
         includedir=${{prefix}}/include\n\
         \n\
         Name: libzmq\n\
         Description: ZeroMQ messaging library (oxmq)\n\
         Version: {VERSION}\n\
         Libs: -L${{libdir}} -lzmq\n\
         Libs.private: {PRIVATE}\n\
         Cflags: -I${{includedir}}\n"
    )
}

/// `ZeroMQConfig.cmake`: the targets `libzmq` and `libzmq-static`; `up` leads from the folder of
/// the file to the prefix.
pub(super) fn cmake_config(up: &str, libdir: &str) -> String {
    let libraries = PRIVATE.replace("-l", "").replace(' ', ";");
    format!(
        "# Targets: libzmq and libzmq-static.\n\
         get_filename_component(_zmq_prefix \"${{CMAKE_CURRENT_LIST_DIR}}/{up}\" ABSOLUTE)\n\
         set(ZeroMQ_INCLUDE_DIR \"${{_zmq_prefix}}/include\")\n\
         set(ZeroMQ_LIBRARY \"${{_zmq_prefix}}/{libdir}/libzmq.so.{SO_VERSION}\")\n\
         set(ZeroMQ_STATIC_LIBRARY \"${{_zmq_prefix}}/{libdir}/libzmq.a\")\n\
         unset(_zmq_prefix)\n\
         \n\
         if(NOT TARGET libzmq)\n\
         \x20 add_library(libzmq SHARED IMPORTED)\n\
         \x20 set_target_properties(libzmq PROPERTIES\n\
         \x20   IMPORTED_LOCATION \"${{ZeroMQ_LIBRARY}}\"\n\
         \x20   IMPORTED_SONAME libzmq.so.5\n\
         \x20   INTERFACE_INCLUDE_DIRECTORIES \"${{ZeroMQ_INCLUDE_DIR}}\")\n\
         endif()\n\
         \n\
         if(NOT TARGET libzmq-static)\n\
         \x20 add_library(libzmq-static STATIC IMPORTED)\n\
         \x20 set_target_properties(libzmq-static PROPERTIES\n\
         \x20   IMPORTED_LOCATION \"${{ZeroMQ_STATIC_LIBRARY}}\"\n\
         \x20   INTERFACE_LINK_LIBRARIES \"{libraries}\"\n\
         \x20   INTERFACE_INCLUDE_DIRECTORIES \"${{ZeroMQ_INCLUDE_DIR}}\")\n\
         endif()\n"
    )
}

/// `ZeroMQConfigVersion.cmake`: fits every request for this version or an older one.
pub(super) fn cmake_version() -> String {
    format!(
        "set(PACKAGE_VERSION \"{VERSION}\")\n\
         if(PACKAGE_VERSION VERSION_LESS PACKAGE_FIND_VERSION)\n\
         \x20 set(PACKAGE_VERSION_COMPATIBLE FALSE)\n\
         else()\n\
         \x20 set(PACKAGE_VERSION_COMPATIBLE TRUE)\n\
         \x20 if(PACKAGE_FIND_VERSION STREQUAL PACKAGE_VERSION)\n\
         \x20   set(PACKAGE_VERSION_EXACT TRUE)\n\
         \x20 endif()\n\
         endif()\n"
    )
}
