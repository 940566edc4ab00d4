/*  `pub`: see ../src/fanout.rs. Subscribers that are plain TCP are those of oxmq-bench: give it
 *  as --peer.                                                                                    */
#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*  How many messages a subscriber takes before the next has its turn.                            */
#define TURN 256
/*  How long the publisher waits between two probes.                                              */
#define PROBE_MS 5

struct subscriber
{
    void *socket;
    int probed;
    uint64_t next;
};

struct job
{
    void *context;
    const char *endpoint;
    int ready; /* where the word goes that all have subscribed */
    uint64_t end;
};

static int is_probe (const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0xff)
            return 0;
    return 1;
}

/*  Takes what one subscriber has, within its turn; returns how many messages that were.          */
static int take (struct subscriber *s, zmq_msg_t *message, const unsigned char *tmpl, int *probed)
{
    int taken = 0;
    while (taken < TURN && s->next < flags.count) {
        if (zmq_msg_recv (message, s->socket, ZMQ_DONTWAIT) < 0) {
            must (errno == EAGAIN);
            break;
        }
        taken++;
        const unsigned char *bytes = zmq_msg_data (message);
        if (is_probe (bytes, zmq_msg_size (message))) {
            *probed += !s->probed;
            s->probed = 1;
        } else
            check (bytes, zmq_msg_size (message), tmpl, s->next++);
    }
    return taken;
}

static void subscribe (struct job *job)
{
    struct subscriber *subs = calloc ((size_t) flags.subs, sizeof *subs);
    zmq_pollitem_t *items = calloc ((size_t) flags.subs, sizeof *items);
    must (subs && items);
    for (int i = 0; i < flags.subs; i++) {
        subs[i].socket = new_socket (job->context, ZMQ_SUB);
        must (zmq_setsockopt (subs[i].socket, ZMQ_SUBSCRIBE, "", 0) == 0);
        must (zmq_connect (subs[i].socket, job->endpoint) == 0);
        items[i] = (zmq_pollitem_t){subs[i].socket, 0, ZMQ_POLLIN, 0};
    }
    unsigned char *tmpl = new_template (flags.size);
    zmq_msg_t message;
    must (zmq_msg_init (&message) == 0);
    int probed = 0, said = 0, working = flags.subs;
    while (working > 0) {
        /* First a round over all: asking which are ready costs more than trying, with libzmq. */
        int any = 0;
        for (int i = 0; i < flags.subs; i++) {
            if (subs[i].next == flags.count)
                continue;
            any += take (&subs[i], &message, tmpl, &probed);
            working -= subs[i].next == flags.count;
        }
        if (!said && probed == flags.subs) {
            said = 1;
            must (write (job->ready, "ok ready\n", 9) == 9);
        }
        if (!any && working > 0)
            must (zmq_poll (items, flags.subs, -1) >= 0);
    }
    job->end = now_ns ();
    zmq_msg_close (&message);
    for (int i = 0; i < flags.subs; i++)
        must (zmq_close (subs[i].socket) == 0);
}

static void *subscriber_thread (void *job)
{
    place (FAR_END);
    subscribe (job);
    return NULL;
}

int peer_fanout (void)
{
    char endpoint[400];
    told (endpoint, sizeof endpoint);
    place (FAR_END);
    struct job job = {new_context (flags.subs + 16), endpoint, STDOUT_FILENO, 0};
    subscribe (&job);
    printf ("ok %llu %f\n", (unsigned long long) job.end, cpu_seconds ());
    return 0;
}

int fanout (void)
{
    char line[512], endpoint[400];
    struct peer peer = {0};
    struct job job;
    pthread_t thread;
    int pipe_of[2];
    must (flags.size >= 16 && pipe (pipe_of) == 0);
    if (!inproc ())
        peer = start_peer ("peer-pub");
    place (NEAR_END);
    void *context = new_context (flags.subs + 16), *socket = new_socket (context, ZMQ_PUB);
    set_int (socket, ZMQ_XPUB_NODROP, 1);
    bind_to (socket, wildcard (), endpoint, sizeof endpoint);
    job = (struct job){context, endpoint, pipe_of[1], 0};
    FILE *answers = NULL;
    if (inproc ()) {
        must (pthread_create (&thread, NULL, subscriber_thread, &job) == 0);
        answers = fdopen (pipe_of[0], "r");
    } else {
        tell (&peer, endpoint);
        answers = peer.out;
    }
    unsigned char *probe = malloc (flags.size), *tmpl = new_template (flags.size);
    must (answers && probe);
    memset (probe, 0xff, flags.size);
    struct pollfd ready = {fileno (answers), POLLIN, 0};
    do
        must (zmq_send (socket, probe, flags.size, 0) >= 0);
    while (poll (&ready, 1, PROBE_MS) == 0);
    hear (answers, line, sizeof line);
    double cpu = -cpu_seconds ();
    uint64_t start = now_ns (), end;
    for (uint64_t i = 0; i < flags.count; i++)
        send_message (socket, tmpl, flags.size, i);
    if (inproc ()) {
        must (pthread_join (thread, NULL) == 0);
        end = job.end;
    } else {
        hear (answers, line, sizeof line);
        char *rest;
        end = strtoull (line, &rest, 10);
        cpu += atof (rest);
    }
    cpu += cpu_seconds ();
    must (zmq_close (socket) == 0 && zmq_ctx_term (context) == 0);
    double seconds = (double) (end - start) * 1e-9;
    double deliveries = (double) flags.count * flags.subs;
    print_head ("pub");
    printf ("subs=%d kind=%s sec=%.6f deliveries_per_s=%.0f cpu_us=%.4f ok=1\n", flags.subs,
            flags.kind, seconds, deliveries / seconds, cpu / deliveries * 1e6);
    return 0;
}
