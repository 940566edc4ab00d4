/*  `conn`: see ../src/conn.rs. Each process is driven by its main thread.                        */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 8192
#define REST_MS 300

static void take_reply (void *socket, uint64_t number)
{
    uint64_t reply = ~number;
    must (zmq_recv (socket, &reply, sizeof reply, 0) == sizeof reply && reply == number);
}

int peer_conn (void)
{
    char endpoint[400], own[400], line[64];
    int serial = is (flags.mode, "serial");
    raise_descriptors ();
    told (endpoint, sizeof endpoint);
    place (FAR_END);
    void *context = new_context (flags.conns + 16);
    void **open = calloc ((size_t) flags.conns, sizeof *open);
    void *first = new_socket (context, ZMQ_DEALER);
    must (open);
    bind_to (first, wildcard (), own, sizeof own);
    long before = rss_kib ();
    uint64_t start = now_ns ();
    for (uint64_t i = 0; i < (uint64_t) flags.conns; i++) {
        open[i] = new_socket (context, ZMQ_DEALER);
        must (zmq_connect (open[i], endpoint) == 0);
        must (zmq_send (open[i], &i, sizeof i, 0) == sizeof i);
        if (serial) {
            take_reply (open[i], i);
            must (zmq_close (open[i]) == 0);
        }
    }
    for (uint64_t i = 0; !serial && i < (uint64_t) flags.conns; i++)
        take_reply (open[i], i);
    double seconds = (double) (now_ns () - start) * 1e-9;
    rest_ms (REST_MS);
    printf ("ok %f %ld %f\n", seconds, rss_kib () - before, cpu_seconds ());
    must (!fgets (line, sizeof line, stdin));
    _exit (0); /* what follows is not measured */
}

int conn (void)
{
    char endpoint[400], line[512];
    struct peer peer = start_peer ("peer-conn");
    raise_descriptors ();
    place (NEAR_END);
    void *context = new_context (64), *router = new_socket (context, ZMQ_ROUTER);
    set_int (router, ZMQ_BACKLOG, BACKLOG);
    bind_to (router, wildcard (), endpoint, sizeof endpoint);
    long before = rss_kib ();
    tell (&peer, endpoint);
    zmq_msg_t id, body;
    must (zmq_msg_init (&id) == 0 && zmq_msg_init (&body) == 0);
    for (int i = 0; i < flags.conns; i++) {
        must (zmq_msg_recv (&id, router, 0) >= 0 && zmq_msg_more (&id));
        must (zmq_msg_recv (&body, router, 0) == 8 && !zmq_msg_more (&body));
        must (zmq_msg_send (&id, router, ZMQ_SNDMORE) >= 0);
        must (zmq_msg_send (&body, router, 0) >= 0);
    }
    hear (peer.out, line, sizeof line);
    long memory = rss_kib () - before, far_memory;
    double seconds, far_cpu, each = is (flags.mode, "serial") ? 0 : 1024. / flags.conns;
    must (sscanf (line, "%lf %ld %lf", &seconds, &far_memory, &far_cpu) == 3);
    print_head ("conn");
    printf ("mode=%s conns=%d sec=%.6f conns_per_s=%.0f cpu_us=%.2f bind_bytes=%.0f "
            "connect_bytes=%.0f ok=1\n",
            flags.mode, flags.conns, seconds, flags.conns / seconds,
            (cpu_seconds () + far_cpu) / flags.conns * 1e6, (double) memory * each,
            (double) far_memory * each);
    fflush (stdout);
    _exit (0);
}
