/*  What the programs below share: flags, message contents, clocks, the other end as a process.
 *  Each program does the work of the Rust file of the same name, through zmq.h only, and prints the
 *  same line. Everything belongs to the main thread, except where a program says otherwise.     */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <zmq.h>

/*  Ends the program with a message if `good` does not hold.                                      */
#define must(good)                                                                                 \
    do {                                                                                           \
        if (!(good))                                                                               \
            fail (__FILE__, __LINE__, #good);                                                      \
    } while (0)

struct flags
{
    int argc;          /* as they were given, for the other end */
    char **argv;
    const char *transport, *pattern, *kind, *mode, *pin, *peer;
    size_t size;
    uint64_t count, warmup, senders;
    int subs, conns, hwm, io_threads;
};

enum end { NEAR_END, FAR_END };

/*  The other end: a process that is spoken to by lines.                                          */
struct peer
{
    pid_t pid;
    FILE *in, *out;
};

extern struct flags flags;

void fail (const char *file, int line, const char *what) __attribute__ ((noreturn));

int is (const char *a, const char *b);
int inproc (void);
const char *wildcard (void);
void place (enum end end);
void *new_context (int sockets_max);
void *new_socket (void *context, int type);
void set_int (void *socket, int option, int value);
void bind_to (void *socket, const char *endpoint, char *bound, size_t room);
void types (const char *pattern, int *far, int *near);
void print_head (const char *name);

struct peer start_peer (const char *program);
void tell (struct peer *peer, const char *line);
void hear (FILE *from, char *line, size_t room); /* what follows `ok ` */
void told (char *line, size_t room);

uint64_t now_ns (void);
double cpu_seconds (void);
long rss_kib (void);
void raise_descriptors (void);
void rest_ms (unsigned ms);

unsigned char *new_template (size_t size);
uint64_t number_of (uint64_t sender, uint64_t sequence);
void send_message (void *socket, const unsigned char *tmpl, size_t size, uint64_t number);
void check (const unsigned char *p, size_t got, const unsigned char *tmpl, uint64_t number);

int thr (void);
int peer_thr (void);
int lat (void);
int peer_lat (void);
int fanout (void);
int peer_fanout (void);
int conn (void);
int peer_conn (void);
int mixed (void);
int peer_mixed (void);
int peers (void);
int subs (void);
int peer_startup (void);

#endif
