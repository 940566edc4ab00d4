/*  `thr`: see ../src/thr.rs. Each sender, a process or a thread, owns its socket.                */
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>

#define SENDERS_MAX 255

struct sender
{
    void *context;
    const char *endpoint;
    uint64_t number;
};

static uint64_t total (void)
{
    return (flags.count + flags.warmup) / flags.senders * flags.senders;
}

/*  Sends one sender's share. The socket is still open then.                                      */
static void *send_share (const struct sender *sender)
{
    int far, near;
    types ("PUSHPULL", &far, &near);
    void *socket = new_socket (sender->context, far);
    must (zmq_connect (socket, sender->endpoint) == 0);
    unsigned char *tmpl = new_template (flags.size);
    uint64_t share = total () / flags.senders;
    for (uint64_t i = 0; i < share; i++)
        send_message (socket, tmpl, flags.size, number_of (sender->number, i));
    free (tmpl);
    return socket;
}

static void *sender_thread (void *sender)
{
    place (FAR_END);
    must (zmq_close (send_share (sender)) == 0);
    return NULL;
}

static uint64_t receive (void *socket, int router)
{
    uint64_t next[SENDERS_MAX] = {0}, start = 0, all = total ();
    unsigned char *tmpl = new_template (flags.size);
    zmq_msg_t message;
    must (zmq_msg_init (&message) == 0);
    for (uint64_t i = 0; i < all; i++) {
        if (i == flags.warmup)
            start = now_ns ();
        must (zmq_msg_recv (&message, socket, 0) >= 0);
        if (router) {
            must (zmq_msg_more (&message));
            must (zmq_msg_recv (&message, socket, 0) >= 0);
        }
        must (!zmq_msg_more (&message));
        const unsigned char *bytes = zmq_msg_data (&message);
        uint64_t sender = 0;
        if (flags.senders > 1) {
            must (zmq_msg_size (&message) >= 8);
            sender = *(const uint64_t *) bytes >> 48;
            must (sender < flags.senders);
        }
        check (bytes, zmq_msg_size (&message), tmpl, number_of (sender, next[sender]++));
    }
    uint64_t end = now_ns ();
    zmq_msg_close (&message);
    free (tmpl);
    return end - start;
}

int peer_thr (void)
{
    char line[512], endpoint[400];
    struct sender sender = {NULL, endpoint, 0};
    unsigned long long number;
    told (line, sizeof line);
    must (sscanf (line, "%399s %llu", endpoint, &number) == 2);
    sender.number = number;
    place (FAR_END);
    sender.context = new_context (1023);
    void *socket = send_share (&sender);
    printf ("ok sent\n");
    told (line, sizeof line);
    must (zmq_close (socket) == 0 && zmq_ctx_term (sender.context) == 0);
    printf ("ok %f\n", cpu_seconds ());
    return 0;
}

int thr (void)
{
    struct peer peers[SENDERS_MAX];
    struct sender senders[SENDERS_MAX];
    pthread_t threads[SENDERS_MAX];
    char endpoint[400], line[512];
    int far, near;
    must (flags.senders >= 1 && flags.senders <= SENDERS_MAX && flags.warmup >= 1);
    for (uint64_t i = 0; !inproc () && i < flags.senders; i++)
        peers[i] = start_peer ("peer-thr");
    place (NEAR_END);
    types ("PUSHPULL", &far, &near);
    void *context = new_context (1023), *receiver = new_socket (context, near);
    bind_to (receiver, wildcard (), endpoint, sizeof endpoint);
    for (uint64_t i = 0; i < flags.senders; i++) {
        senders[i] = (struct sender){context, endpoint, i};
        snprintf (line, sizeof line, "%s %llu", endpoint, (unsigned long long) i);
        if (inproc ())
            must (pthread_create (&threads[i], NULL, sender_thread, &senders[i]) == 0);
        else
            tell (&peers[i], line);
    }
    double seconds = (double) receive (receiver, near == ZMQ_ROUTER) * 1e-9, cpu = 0;
    for (uint64_t i = 0; i < flags.senders; i++)
        if (inproc ())
            must (pthread_join (threads[i], NULL) == 0);
        else {
            hear (peers[i].out, line, sizeof line);
            tell (&peers[i], "done");
            hear (peers[i].out, line, sizeof line);
            cpu += atof (line);
        }
    must (zmq_close (receiver) == 0 && zmq_ctx_term (context) == 0);
    cpu += cpu_seconds ();
    double counted = (double) (total () - flags.warmup);
    print_head ("thr");
    printf ("pattern=%s senders=%llu sec=%.6f msgs_per_s=%.0f mb_per_s=%.2f cpu_us=%.4f ok=1\n",
            *flags.pattern ? flags.pattern : "PUSHPULL", (unsigned long long) flags.senders,
            seconds, counted / seconds, counted * (double) flags.size / seconds * 1e-6,
            cpu / (double) total () * 1e6);
    return 0;
}
