/* The client of the guide's first chapter: ten times Hello to the endpoint of the first argument,
 * and the version of the library that it runs on. */
#include <zmq.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  assert(argc == 2);
  void *context = zmq_ctx_new();
  void *requester = zmq_socket(context, ZMQ_REQ);
  int rc = zmq_connect(requester, argv[1]);
  assert(rc == 0);
  for (int i = 0; i < 10; i++) {
    char buffer[10];
    rc = zmq_send(requester, "Hello", 5, 0);
    assert(rc == 5);
    rc = zmq_recv(requester, buffer, sizeof buffer, 0);
    assert(rc == 5 && !memcmp(buffer, "World", 5));
  }
  int major, minor, patch;
  zmq_version(&major, &minor, &patch);
  printf("%d.%d.%d ten replies\n", major, minor, patch);
  zmq_close(requester);
  zmq_ctx_term(context);
  return 0;
}
