/* The server of the guide's first chapter: answers World to every Hello. Ends after ten requests;
 * prints the port that it was given. */
#include <zmq.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  void *context = zmq_ctx_new();
  void *responder = zmq_socket(context, ZMQ_REP);
  int major, minor, patch;
  zmq_version(&major, &minor, &patch);
  int rc = zmq_bind(responder, "tcp://127.0.0.1:*");
  assert(rc == 0);
  char endpoint[256];
  size_t size = sizeof endpoint;
  rc = zmq_getsockopt(responder, ZMQ_LAST_ENDPOINT, endpoint, &size);
  assert(rc == 0);
  printf("%d.%d.%d %s\n", major, minor, patch, endpoint);
  fflush(stdout);
  for (int i = 0; i < 10; i++) {
    char buffer[10];
    int length = zmq_recv(responder, buffer, sizeof buffer, 0);
    assert(length == 5 && !memcmp(buffer, "Hello", 5));
    rc = zmq_send(responder, "World", 5, 0);
    assert(rc == 5);
  }
  zmq_close(responder);
  zmq_ctx_term(context);
  return 0;
}
