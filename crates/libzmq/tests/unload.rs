//! A program that loads the shared library, uses it, ends its context and unloads it, again and
//! again: no thread, descriptor or memory is left.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = r#"
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int entries(const char *path) {
  int n = 0; DIR *d = opendir(path);
  while (readdir(d)) n++;
  closedir(d); return n;
}
static long resident(void) {
  long size, pages; FILE *f = fopen("/proc/self/statm", "r");
  if (fscanf(f, "%ld %ld", &size, &pages) != 2) exit(2);
  fclose(f); return pages;
}
#define LOAD(name) name##_t name = (name##_t) dlsym(lib, #name); if (!name) return 3
typedef void *(*zmq_ctx_new_t)(void);
typedef int (*zmq_ctx_term_t)(void *);
typedef void *(*zmq_socket_t)(void *, int);
typedef int (*zmq_close_t)(void *);
typedef int (*zmq_bind_t)(void *, const char *);
typedef int (*zmq_connect_t)(void *, const char *);
typedef int (*zmq_getsockopt_t)(void *, int, void *, size_t *);
typedef int (*zmq_send_t)(void *, const void *, size_t, int);
typedef int (*zmq_recv_t)(void *, void *, size_t, int);

static int once(const char *path) {
  void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!lib) { fprintf(stderr, "%s\n", dlerror()); return 4; }
  LOAD(zmq_ctx_new); LOAD(zmq_ctx_term); LOAD(zmq_socket); LOAD(zmq_close); LOAD(zmq_bind);
  LOAD(zmq_connect); LOAD(zmq_getsockopt); LOAD(zmq_send); LOAD(zmq_recv);
  void *context = zmq_ctx_new(), *pull = zmq_socket(context, 7), *push = zmq_socket(context, 8);
  char endpoint[256], buffer[16]; size_t len = sizeof endpoint;
  if (zmq_bind(pull, "tcp://127.0.0.1:*") || zmq_getsockopt(pull, 32, endpoint, &len)) return 5;
  if (zmq_connect(push, endpoint) || zmq_send(push, "hello", 5, 0) != 5) return 6;
  if (zmq_recv(pull, buffer, sizeof buffer, 0) != 5 || memcmp(buffer, "hello", 5)) return 7;
  if (zmq_close(push) || zmq_close(pull) || zmq_ctx_term(context)) return 8;
  return dlclose(lib) ? 9 : 0;
}

int main(int argc, char **argv) {
  int failed = 0, fds = 0; long pages = 0;
  for (int round = 0; round < 60; round++) {
    if ((failed = once(argv[1]))) return failed;
    if (round == 20) { fds = entries("/proc/self/fd"); pages = resident(); }
  }
  /* A thread that was joined may be listed for a moment longer. */
  for (int i = 0; i < 1000 && entries("/proc/self/task") > 3; i++) usleep(1000);
  printf("threads %d descriptors %d pages %d\n", entries("/proc/self/task") - 2,
         entries("/proc/self/fd") - fds, resident() - pages < 512);
  return argc == 2 ? 0 : 1;
}
"#;

/// The shared library that cargo made beside this test.
fn library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap();
    let found = [folder.join("libzmq.so"), folder.parent().unwrap().join("libzmq.so")];
    found.into_iter().find(|path| path.exists()).unwrap()
}

#[test]
fn the_library_can_be_loaded_and_unloaded_again_and_again() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, binary) = (folder.join("unload.c"), folder.join("unload"));
    std::fs::write(&source, PROGRAM).unwrap();
    let built =
        Command::new("cc").arg(&source).arg("-o").arg(&binary).arg("-ldl").output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let output = Command::new(&binary).arg(library()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{:?} {said}", output.status);
    let found = String::from_utf8(output.stdout).unwrap();
    assert_eq!(found, "threads 1 descriptors 0 pages 1\n", "{said}");
}
