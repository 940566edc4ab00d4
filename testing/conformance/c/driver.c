/* Calls the functions of a libzmq by name, one per line of its standard input, and prints what each
 * returned. The matrix of options and the fuzzers run the same lines on two libraries, each in a
 * process of its own, and compare the answers.
 *
 *   driver LIBRARY      LIBRARY is a path for dlopen, or `-` for functions linked into the program
 *
 * The lines up to `end` are a case. It runs in a child process in a new folder, so that a case that
 * dies, or hangs for longer than LIMIT_S seconds, ends with a line `died SIGNAL` and harms no other.
 *
 *   call [SLOT=] FUNCTION ARGUMENT...    settle MILLISECONDS    show M<slot>
 *
 * While it settles, the sockets that are open are asked for their events, twice: libzmq does its part
 * of what others have done only in a call.
 *
 * An argument is one of
 *   i<number>  an integer                    n          NULL
 *   s<text>    a C string; @<k> in it is the endpoint that socket k bound last
 *   x<hex>     bytes, followed by zeros up to 1024      y<hex>  exactly these bytes
 *   o<size>    room for a result, printed    l<number>  a size_t that is passed by address, printed
 *   b<size>    a block of the heap that the callee or nobody frees
 *   S C M T P A D W <k>   the socket, context, message, timers, poller, counter, thread, watch of slot k
 *   R<k>       the routing id that socket k received last
 *   q<k:events,..>        items to poll, a socket each; printed
 *   e<count>   room for events of a poller, printed
 *   v<hex,..>  an array of iovec             w<count>   an empty array of iovec, printed
 *   F K H      a function that frees, a timer function, a thread function
 *   g<hex>     any value as a pointer        &          the address of memory that is no object
 *
 * Every argument travels in an integer register, as the calling conventions of x86-64 and AArch64
 * have it for these types, which is what lets one call serve all functions.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 32, ARGS = 8, LIMIT_S = 6, SHOWN = 80, PADDED = 1024 };

typedef struct { void *socket; int fd; short events, revents; } item_t;
typedef struct { void *socket; int fd; void *user_data; short events; } event_t;
typedef struct { _Alignas(8) unsigned char bytes[64]; } message_t;
typedef long (*function_t)(long, long, long, long, long, long, long, long);

static void *library;
static void *slots[128][SLOTS];
static message_t messages[SLOTS];
static char endpoints[SLOTS][300];
static unsigned char ids[SLOTS][8];
static int frees, ticks, closed[SLOTS];
static _Alignas(16) unsigned char junk[4096];

typedef struct {
  char kind;
  long value;
  void *memory; /* freed after the call */
  size_t size;
} argument_t;

static function_t find(const char *name) {
  function_t function;
  void *symbol = dlsym(library, name);
  memcpy(&function, &symbol, sizeof function);
  return function;
}

static void on_free(void *data, void *hint) { (void)hint; __atomic_add_fetch(&frees, 1, __ATOMIC_SEQ_CST); free(data); }
static void on_timer(int id, void *arg) { (void)id; (void)arg; ticks++; }
static void on_thread(void *arg) { (void)arg; }

static size_t unhex(const char *text, unsigned char *out) {
  size_t n = 0;
  for (unsigned byte; sscanf(text, "%2x", &byte) == 1; text += 2) {
    out[n++] = (unsigned char)byte;
    if (!text[1] || text[1] == ',') break;
  }
  return n;
}

static void hex(const unsigned char *data, size_t size) {
  size_t shown = size < SHOWN ? size : SHOWN;
  for (size_t i = 0; i < shown; i++) printf("%02x", data[i]);
  if (shown < size) {
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) sum = sum * 31 + data[i];
    printf("..%zu:%08x", size, sum);
  }
}

/* `@k` becomes the endpoint that socket k bound last. */
static char *expand(const char *text) {
  char *out = calloc(1, strlen(text) * 300 + 1), *to = out;
  for (; *text; text++) {
    if (*text == '@' && text[1] >= '0' && text[1] <= '9') {
      char *rest;
      long k = strtol(text + 1, &rest, 10);
      to = stpcpy(to, endpoints[k % SLOTS]);
      text = rest - 1;
    } else {
      *to++ = *text;
    }
  }
  return out;
}

static argument_t items(const char *text) {
  argument_t a = {'q', 0, calloc(SLOTS, sizeof(item_t)), 0};
  item_t *item = a.memory;
  for (char *end; *text; text = *end ? end + 1 : end) {
    long k = strtol(text, &end, 10);
    item[a.size].socket = slots['S'][k % SLOTS];
    item[a.size++].events = (short)strtol(end + 1, &end, 10);
  }
  a.value = (long)item;
  return a;
}

static argument_t vectors(const char *text) {
  argument_t a = {'v', 0, calloc(SLOTS, sizeof(struct iovec)), 0};
  struct iovec *vector = a.memory;
  for (; text; text = strchr(text, ',') ? strchr(text, ',') + 1 : NULL) {
    vector[a.size].iov_base = calloc(1, strlen(text) + 1);
    vector[a.size].iov_len = unhex(text, vector[a.size].iov_base);
    a.size++;
  }
  a.value = (long)vector;
  return a;
}

static argument_t parse(const char *text) {
  argument_t a = {*text, 0, NULL, 0};
  const char *rest = text + 1;
  long k = strtol(rest, NULL, 10);
  switch (*text) {
  case 'i': a.value = strtol(rest, NULL, 10); break;
  case 'g': a.value = (long)strtoul(rest, NULL, 16); break;
  case '&': a.value = (long)junk; break;
  case 's': a.value = (long)(a.memory = expand(rest)); break;
  case 'x': case 'y':
    a.memory = calloc(1, strlen(rest) / 2 + 1 + (*text == 'x' ? PADDED : 0));
    unhex(rest, a.memory);
    if (*text == 'y') a.memory = realloc(a.memory, strlen(rest) / 2 ? strlen(rest) / 2 : 1);
    a.value = (long)a.memory;
    break;
  case 'o': a.memory = malloc((size_t)k + 1); memset(a.memory, 0xee, (size_t)k + 1); a.size = (size_t)k; a.value = (long)a.memory; break;
  case 'b': a.value = (long)malloc((size_t)k + 1); memset((void *)a.value, 0x62, (size_t)k + 1); break;
  case 'l': a.memory = calloc(1, 8); *(size_t *)a.memory = (size_t)k; a.value = (long)a.memory; break;
  case 'M': a.value = (long)&messages[k % SLOTS]; break;
  case 'R': a.value = (long)ids[k % SLOTS]; break;
  case 'q': return items(rest);
  case 'e': a.memory = calloc((size_t)k + 1, sizeof(event_t)); a.size = (size_t)k; a.value = (long)a.memory; break;
  case 'v': return vectors(rest);
  case 'w': a.memory = calloc((size_t)k + 1, sizeof(struct iovec)); a.size = (size_t)k; a.value = (long)a.memory; break;
  case 'F': a.value = (long)on_free; break;
  case 'K': a.value = (long)on_timer; break;
  case 'H': a.value = (long)on_thread; break;
  case 'S': case 'C': case 'T': case 'P': case 'A': case 'D': case 'W': a.value = (long)slots[(int)*text][k % SLOTS]; break;
  default: break;
  }
  return a;
}

static void print_events(const argument_t *a, long count) {
  const event_t *event = a->memory;
  for (long i = 0; i < count && i < (long)a->size; i++) {
    int k = -1;
    for (int s = 0; s < SLOTS; s++) if (event[i].socket && slots['S'][s] == event[i].socket) k = s;
    printf("%s%d:%d:%ld", i ? "," : "", k, event[i].events, (long)event[i].user_data);
  }
}

/* What the call left in its arguments. */
static void print_results(const char *name, argument_t *a, int count, long rc, int failed) {
  for (int i = 0; i < count; i++) {
    if (a[i].kind == 'l') printf(" l=%zu", *(size_t *)a[i].memory);
    if (a[i].kind == 'q') {
      printf(" q=");
      for (size_t n = 0; n < a[i].size && rc >= 0; n++) printf("%s%d", n ? "," : "", ((item_t *)a[i].memory)[n].revents);
    }
    if (failed) continue;
    if (a[i].kind == 'o') {
      size_t size = a[i].size;
      if (i + 1 < count && a[i + 1].kind == 'l') size = *(size_t *)a[i + 1].memory;
      if (!strcmp(name, "zmq_recv")) size = (size_t)rc;
      if (size > a[i].size) size = a[i].size;
      printf(" o=");
      hex(a[i].memory, size);
    }
    if (a[i].kind == 'e') { printf(" e="); print_events(&a[i], rc > 0 ? rc : 1); }
    if (a[i].kind == 'w') {
      struct iovec *vector = a[i].memory;
      for (size_t n = 0; n < a[i].size && vector[n].iov_base; n++) { printf(" w="); hex(vector[n].iov_base, vector[n].iov_len); free(vector[n].iov_base); }
    }
  }
}

/* Remembers what later lines refer to: the endpoint that was bound, the routing id received. */
static void remember(const char *name, char **words, argument_t *a, long rc) {
  int k = words[0][0] == 'S' ? atoi(words[0] + 1) % SLOTS : -1;
  if (k < 0) return;
  if (!strcmp(name, "zmq_close") && rc == 0) closed[k] = 1;
  if (!strcmp(name, "zmq_bind") && rc == 0) {
    size_t size = sizeof endpoints[k];
    find("zmq_getsockopt")(a[0].value, 32, (long)endpoints[k], (long)&size, 0, 0, 0, 0);
  }
  if (!strcmp(name, "zmq_recv") && rc == 5 && a[1].memory && a[1].size >= 5 && !*(unsigned char *)a[1].memory) memcpy(ids[k], a[1].memory, 5);
}

/* 'i' int, 'z' size or other long, 'p' pointer, 's' string, 'v' nothing, 'u' int of no fixed value */
static char result_kind(const char *name) {
  static const char *const table[] = {
      "p zmq_ctx_new", "p zmq_init", "p zmq_socket", "p zmq_msg_data", "p zmq_poller_new", "p zmq_timers_new",
      "p zmq_atomic_counter_new", "p zmq_stopwatch_start", "p zmq_threadstart", "s zmq_strerror", "s zmq_msg_gets",
      "s zmq_msg_group", "s zmq_z85_encode", "p zmq_z85_decode", "z zmq_msg_size", "v zmq_version",
      "v zmq_atomic_counter_set", "v zmq_atomic_counter_destroy", "v zmq_sleep", "v zmq_threadclose",
      "u zmq_stopwatch_stop", "u zmq_stopwatch_intermediate"};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) if (!strcmp(table[i] + 2, name)) return table[i][0];
  return 'i';
}

static void call(char **words, int count) {
  char *slot = NULL;
  if (words[0][strlen(words[0]) - 1] == '=') { slot = words[0]; words++; count--; }
  const char *name = words[0];
  function_t function = find(name);
  if (!function) { printf("absent"); return; }
  argument_t a[ARGS] = {{0}};
  count = count - 1 < ARGS ? count - 1 : ARGS;
  for (int i = 0; i < count; i++) a[i] = parse(words[i + 1]);
  errno = 0;
  long rc = function(a[0].value, a[1].value, a[2].value, a[3].value, a[4].value, a[5].value, a[6].value, a[7].value);
  int error = errno, failed = 0;
  switch (result_kind(name)) {
  case 'i': rc = (int)rc; failed = rc == -1; printf("%ld", rc); break;
  case 'z': printf("%ld", rc); break;
  case 'p': failed = !rc; printf(rc ? "object" : "NULL"); break;
  case 's': failed = !rc; printf("%s", rc ? (char *)rc : "NULL"); break;
  default: rc = 0; printf("-"); break;
  }
  if (failed) printf(" errno=%d", error);
  if (slot) slots[(int)*slot][atoi(slot + 1) % SLOTS] = (void *)rc;
  if (slot && *slot == 'S') closed[atoi(slot + 1) % SLOTS] = 0;
  print_results(name, a, count, rc, failed);
  if (count > 0) remember(name, words + 1, a, rc);
  for (int i = 0; i < count; i++) {
    if (a[i].kind == 'v') for (size_t n = 0; n < a[i].size; n++) free(((struct iovec *)a[i].memory)[n].iov_base);
    /* What was sent by reference is read when it is received. */
    if (strcmp(name, "zmq_send_const")) free(a[i].memory);
  }
}

static void show(const char *word) {
  message_t *message = &messages[atoi(word + 1) % SLOTS];
  size_t size = (size_t)find("zmq_msg_size")((long)message, 0, 0, 0, 0, 0, 0, 0);
  printf("%zu ", size);
  hex((unsigned char *)find("zmq_msg_data")((long)message, 0, 0, 0, 0, 0, 0, 0), size);
  printf(" more=%d", (int)find("zmq_msg_more")((long)message, 0, 0, 0, 0, 0, 0, 0));
}

static void settle(int ms) {
  for (int round = 0; round < 3; round++) {
    poll(NULL, 0, (ms + 2) / 3);
    for (int k = 0; k < SLOTS && round < 2; k++) {
      int events = 0;
      size_t size = sizeof events;
      if (slots['S'][k] && !closed[k]) find("zmq_getsockopt")((long)slots['S'][k], 15, (long)&events, (long)&size, 0, 0, 0, 0);
    }
  }
}

static void run_line(char *line) {
  char *words[ARGS + 4], *save = NULL;
  int count = 0;
  for (char *word = strtok_r(line, " \n", &save); word && count < ARGS + 4; word = strtok_r(NULL, " \n", &save)) words[count++] = word;
  if (!count) return;
  alarm(LIMIT_S);
  if (!strcmp(words[0], "settle") && count > 1) { settle(atoi(words[1])); printf("-"); }
  else if (!strcmp(words[0], "show") && count > 1) show(words[1]);
  else if (!strcmp(words[0], "frees")) printf("%d", __atomic_load_n(&frees, __ATOMIC_SEQ_CST));
  else if (!strcmp(words[0], "call") && count > 1) call(words + 1, count - 1);
  else printf("what?");
  printf("\n");
  fflush(stdout);
}

static int unlink_one(const char *path, const struct stat *s, int kind, struct FTW *walk) { (void)s; (void)kind; (void)walk; return remove(path); }

static void run_case(char **lines, size_t count) {
  char folder[] = "/tmp/oxmq-case.XXXXXX";
  if (!mkdtemp(folder)) { printf("died folder\n"); return; }
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    if (chdir(folder)) _exit(9);
    for (size_t i = 0; i < count; i++) run_line(lines[i]);
    fflush(stdout);
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (WIFSIGNALED(status)) printf("\ndied %d\n", WTERMSIG(status));
  else if (WEXITSTATUS(status)) printf("\ndied with %d\n", WEXITSTATUS(status));
  printf("done\n");
  fflush(stdout);
  nftw(folder, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: driver LIBRARY\n"), 2;
  library = dlopen(strcmp(argv[1], "-") ? argv[1] : NULL, RTLD_NOW);
  if (!library) return fprintf(stderr, "%s\n", dlerror()), 2;
  signal(SIGPIPE, SIG_IGN);
  for (size_t i = 0; i < sizeof junk; i++) junk[i] = (unsigned char)(i * 37 + 11);
  char **lines = NULL, *line = NULL;
  size_t count = 0, room = 0, size = 0;
  while (getline(&line, &size, stdin) > 0) {
    if (strcmp(line, "end\n")) {
      if (count == room) lines = realloc(lines, (room = room * 2 + 64) * sizeof *lines);
      lines[count++] = strdup(line);
      continue;
    }
    run_case(lines, count);
    while (count) free(lines[--count]);
  }
  return 0;
}
