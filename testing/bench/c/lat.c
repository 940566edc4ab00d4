/*  `lat`: see ../src/lat.rs. The server, a process or a thread, owns its socket.                 */
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>

static void serve (void *socket, int router)
{
    unsigned char *tmpl = new_template (flags.size);
    zmq_msg_t message;
    must (zmq_msg_init (&message) == 0);
    for (uint64_t i = 0; i < flags.count + flags.warmup; i++) {
        must (zmq_msg_recv (&message, socket, 0) >= 0);
        if (router) {
            must (zmq_msg_more (&message));
            must (zmq_msg_send (&message, socket, ZMQ_SNDMORE) >= 0);
            must (zmq_msg_recv (&message, socket, 0) >= 0);
        }
        must (!zmq_msg_more (&message));
        check (zmq_msg_data (&message), zmq_msg_size (&message), tmpl, i);
        must (zmq_msg_send (&message, socket, 0) >= 0);
    }
    zmq_msg_close (&message);
    free (tmpl);
}

static void *server_thread (void *socket)
{
    int far, near;
    types ("REQREP", &far, &near);
    place (FAR_END);
    serve (socket, near == ZMQ_ROUTER);
    return NULL;
}

int peer_lat (void)
{
    int far, near;
    char endpoint[400];
    place (FAR_END);
    types ("REQREP", &far, &near);
    void *context = new_context (1023), *socket = new_socket (context, near);
    bind_to (socket, wildcard (), endpoint, sizeof endpoint);
    printf ("ok %s\n", endpoint);
    serve (socket, near == ZMQ_ROUTER);
    must (zmq_close (socket) == 0 && zmq_ctx_term (context) == 0);
    printf ("ok %f\n", cpu_seconds ());
    return 0;
}

static int by_value (const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return x < y ? -1 : x > y;
}

static void ask (void *context, int type, const char *endpoint, uint64_t *times)
{
    void *socket = new_socket (context, type);
    must (zmq_connect (socket, endpoint) == 0);
    unsigned char *tmpl = new_template (flags.size);
    zmq_msg_t message;
    must (zmq_msg_init (&message) == 0);
    for (uint64_t i = 0; i < flags.count + flags.warmup; i++) {
        uint64_t start = now_ns ();
        send_message (socket, tmpl, flags.size, i);
        must (zmq_msg_recv (&message, socket, 0) >= 0);
        uint64_t end = now_ns ();
        must (!zmq_msg_more (&message));
        check (zmq_msg_data (&message), zmq_msg_size (&message), tmpl, i);
        if (i >= flags.warmup)
            times[i - flags.warmup] = end - start;
    }
    zmq_msg_close (&message);
    free (tmpl);
    must (zmq_close (socket) == 0);
}

static double at (const uint64_t *sorted, double share)
{
    return (double) sorted[(size_t) (share * (double) (flags.count - 1))] * 1e-3;
}

int lat (void)
{
    int far, near;
    char line[512], endpoint[400];
    struct peer peer = {0};
    void *server = NULL;
    pthread_t thread;
    double cpu = 0, sum = 0;
    uint64_t *times = calloc (flags.count, sizeof *times);
    must (times);
    types ("REQREP", &far, &near);
    if (!inproc ())
        peer = start_peer ("peer-lat");
    place (NEAR_END);
    void *context = new_context (1023);
    if (inproc ()) {
        server = new_socket (context, near);
        bind_to (server, wildcard (), endpoint, sizeof endpoint);
        must (pthread_create (&thread, NULL, server_thread, server) == 0);
    } else
        hear (peer.out, endpoint, sizeof endpoint);
    ask (context, far, endpoint, times);
    if (inproc ()) {
        must (pthread_join (thread, NULL) == 0);
        must (zmq_close (server) == 0);
    } else {
        hear (peer.out, line, sizeof line);
        cpu = atof (line);
    }
    must (zmq_ctx_term (context) == 0);
    cpu += cpu_seconds ();
    for (uint64_t i = 0; i < flags.count; i++)
        sum += (double) times[i];
    qsort (times, flags.count, sizeof *times, by_value);
    print_head ("lat");
    printf ("pattern=%s mean_us=%.3f min_us=%.3f p50_us=%.3f p90_us=%.3f p99_us=%.3f "
            "p999_us=%.3f max_us=%.3f cpu_us=%.3f ok=1\n",
            *flags.pattern ? flags.pattern : "REQREP", sum / (double) flags.count * 1e-3,
            at (times, 0), at (times, .5), at (times, .9), at (times, .99), at (times, .999),
            at (times, 1), cpu / (double) (flags.count + flags.warmup) * 1e6);
    return 0;
}
