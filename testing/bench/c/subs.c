/*  `subs`: see ../src/subs.rs. The subscriber is that of oxmq-bench: give it as --peer.          */
#include "bench.h"

#include <string.h>
#include <unistd.h>

#define TOPIC_BYTES 16
#define HIT_EVERY 10
#define MARKER "~marker~marker~~"

static uint64_t spread (uint64_t number)
{
    uint64_t x = number + 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static void topic (uint64_t number, char *out)
{
    uint64_t bits = spread (number);
    for (int i = 0; i < TOPIC_BYTES; i++, bits >>= 4)
        out[i] = (char) ('a' + (bits & 15));
}

int subs (void)
{
    char endpoint[400], line[512], body[TOPIC_BYTES + 8];
    struct peer peer = start_peer ("peer-subs");
    place (NEAR_END);
    void *context = new_context (64), *publisher = new_socket (context, ZMQ_XPUB);
    set_int (publisher, ZMQ_XPUB_NODROP, 1);
    bind_to (publisher, wildcard (), endpoint, sizeof endpoint);
    long before = rss_kib ();
    uint64_t start = now_ns (), count = (uint64_t) flags.subs, hits = 0;
    tell (&peer, endpoint);
    for (uint64_t i = 0; i <= count; i++) {
        char got[64];
        topic (2 * i, body);
        const char *expected = i == count ? MARKER : body;
        must (zmq_recv (publisher, got, sizeof got, 0) == TOPIC_BYTES + 1 && got[0] == 1);
        must (memcmp (got + 1, expected, TOPIC_BYTES) == 0);
    }
    double subscribing = (double) (now_ns () - start) * 1e-9;
    long memory = rss_kib () - before;
    double cpu = cpu_seconds ();
    start = now_ns ();
    for (uint64_t i = 0; i < flags.count; i++) {
        uint64_t random = spread (i ^ 0x5bd1e995);
        int hit = (random >> 40) % HIT_EVERY == 0;
        hits += (uint64_t) hit;
        topic (random % count * 2 + !hit, body);
        memcpy (body + TOPIC_BYTES, &i, 8);
        must (zmq_send (publisher, body, sizeof body, 0) == sizeof body);
    }
    double seconds = (double) (now_ns () - start) * 1e-9;
    cpu = cpu_seconds () - cpu;
    must (zmq_send (publisher, MARKER, TOPIC_BYTES, 0) == TOPIC_BYTES);
    hear (peer.out, line, sizeof line);
    unsigned long long arrived;
    must (sscanf (line, "%llu", &arrived) == 1 && arrived == hits);
    print_head ("subs");
    printf ("subs=%d sec=%.6f msgs_per_s=%.0f near_cpu_us=%.4f subscribes_per_s=%.0f "
            "bytes_each=%.1f ok=1\n",
            flags.subs, seconds, (double) flags.count / seconds,
            cpu / (double) flags.count * 1e6, flags.subs / subscribing,
            (double) memory * 1024. / flags.subs);
    fflush (stdout);
    _exit (0);
}
