/*  The peers of `startup`: see ../src/startup.rs, which starts them. Each socket is owned by a
 *  thread of its own; the pair of a device by one.                                               */
#include "bench.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define CONTENT "first"

static void *open_socket (void *context, int type, const char *how, const char *endpoint)
{
    void *socket = new_socket (context, type);
    must ((is (how, "bind") ? zmq_bind (socket, endpoint) : zmq_connect (socket, endpoint)) == 0);
    return socket;
}

static void *source_thread (void *socket)
{
    must (zmq_send (socket, CONTENT, strlen (CONTENT), 0) >= 0);
    return NULL;
}

static void *sink_thread (void *socket)
{
    char content[16];
    must (zmq_recv (socket, content, sizeof content, 0) == (int) strlen (CONTENT));
    must (memcmp (content, CONTENT, strlen (CONTENT)) == 0);
    printf ("ok first %llu\n", (unsigned long long) now_ns ());
    return NULL;
}

static void *device_thread (void *sockets)
{
    zmq_proxy (((void **) sockets)[0], ((void **) sockets)[1], NULL);
    return NULL;
}

int peer_startup (void)
{
    static void *device[2];
    char line[900], who[16], how[16], one[400], two[400];
    void *context = new_context (1023), *socket;
    pthread_t thread;
    while (fgets (line, sizeof line, stdin)) {
        int words = sscanf (line, "%15s %15s %399s %399s", who, how, one, two);
        if (words == 4 && is (who, "device")) {
            device[0] = open_socket (context, ZMQ_PULL, how, one);
            device[1] = open_socket (context, ZMQ_PUSH, how, two);
            must (pthread_create (&thread, NULL, device_thread, device) == 0);
        } else if (words == 3 && is (who, "source")) {
            socket = open_socket (context, ZMQ_PUSH, how, one);
            must (pthread_create (&thread, NULL, source_thread, socket) == 0);
        } else {
            must (words == 3 && is (who, "sink"));
            socket = open_socket (context, ZMQ_PULL, how, one);
            must (pthread_create (&thread, NULL, sink_thread, socket) == 0);
        }
        printf ("ok set\n");
    }
    _exit (0); /* threads may wait still; nobody needs them */
}
