/*  `peers`: see ../src/peers.rs. The peers are those of oxmq-bench: give it as --peer.           */
#include "bench.h"

#include <unistd.h>

#define BACKLOG 8192

static void echo (void *router, uint64_t count)
{
    zmq_msg_t id, body;
    must (zmq_msg_init (&id) == 0 && zmq_msg_init (&body) == 0);
    for (uint64_t i = 0; i < count; i++) {
        must (zmq_msg_recv (&id, router, 0) >= 0 && zmq_msg_more (&id));
        must (zmq_msg_recv (&body, router, 0) >= 0 && !zmq_msg_more (&body));
        must (zmq_msg_send (&id, router, ZMQ_SNDMORE) >= 0);
        must (zmq_msg_send (&body, router, 0) >= 0);
    }
    must (zmq_msg_close (&id) == 0 && zmq_msg_close (&body) == 0);
}

int peers (void)
{
    char endpoint[400], line[512];
    struct peer peer = start_peer ("peer-peers");
    raise_descriptors ();
    place (NEAR_END);
    void *context = new_context (64), *router = new_socket (context, ZMQ_ROUTER);
    set_int (router, ZMQ_BACKLOG, BACKLOG);
    bind_to (router, wildcard (), endpoint, sizeof endpoint);
    long before = rss_kib ();
    tell (&peer, endpoint);
    echo (router, (uint64_t) flags.conns);
    long memory = rss_kib () - before;
    double cpu = cpu_seconds (), seconds;
    echo (router, flags.count);
    cpu = cpu_seconds () - cpu;
    hear (peer.out, line, sizeof line);
    must (sscanf (line, "%lf", &seconds) == 1);
    print_head ("peers");
    printf ("peers=%d sec=%.6f msgs_per_s=%.0f near_cpu_us=%.4f bind_bytes=%.0f ok=1\n",
            flags.conns, seconds, (double) flags.count / seconds,
            cpu / (double) flags.count * 1e6, (double) memory * 1024. / flags.conns);
    fflush (stdout);
    _exit (0);
}
