/* upstream: a cheap OpenAI-compatible server, so that a benchmark measures the gateway and not the model.
 *
 *     upstream PORT          (0 takes a free port; the port is printed as the first line)
 *
 * One thread, one epoll loop, loopback only. The model's name chooses how it answers; any other name is as bench-fast:
 *
 *     bench-fast    at once                      bench-hang    never (who waits is counted as open)
 *     bench-50ms    after 50 ms
 *     bench-burst   a stream: 200 events in one write           (any streamed request without a pace of its own)
 *     bench-paced   a stream: 200 events, one each 5 ms
 *     bench-slow    a stream: 20 events, one each 250 ms
 *     bench-long    a stream: 20 events, one each 3 s
 *
 * GET /stats answers {"requests", "answered", "aborted", "connections", "open"}: "aborted" counts connections that
 * were closed while their request was unanswered. Asking for the statistics is not a request.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_MODELS = 64, NAME_SIZE = 64, BATCH = 512, READ_SIZE = 16384 };

/* ---- what is answered ---------------------------------------------------------------------------------------- */

typedef struct {
    char *data;
    size_t size;
} bytes;

/* Everything that is said in the name of one model, rendered once: answers echo the model that was asked for. */
typedef struct {
    char name[NAME_SIZE];
    bytes json;       /* the whole answer, head included */
    bytes stream;     /* the whole streamed answer, head included, one HTTP chunk an event */
    size_t *event_end; /* where each event ends in `stream`; the last one includes usage, [DONE] and the final chunk */
    int events;
} model;

typedef enum { FAST, DELAYED, HANGING, STREAMED } manner;

static model models[MAX_MODELS];
static int model_count;

static void append(bytes *out, const char *data, size_t size) {
    out->data = realloc(out->data, out->size + size + 1);
    memcpy(out->data + out->size, data, size);
    out->size += size;
    out->data[out->size] = 0;
}

static void append_event(bytes *out, const char *event) {
    char framed[1024];
    int size = snprintf(framed, sizeof framed, "%zx\r\ndata: %s\n\n\r\n", strlen(event) + 8, event);
    append(out, framed, size);
}

static void render_json(model *m) {
    char body[2048], head[256];
    int size = snprintf(body, sizeof body,
        "{\"id\":\"chatcmpl-bench0123456789\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":\"%s\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"", m->name);
    for (int i = 0; i < 11; i++)
        size += snprintf(body + size, sizeof body - size, "Sentence %02d of an answer that has a usual length. ", i);
    size += snprintf(body + size, sizeof body - size,
        "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":212,"
        "\"completion_tokens\":133,\"total_tokens\":345,\"prompt_tokens_details\":{\"cached_tokens\":0}}}");
    int head_size = snprintf(head, sizeof head,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", size);
    append(&m->json, head, head_size);
    append(&m->json, body, size);
}

static void render_stream(model *m) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                               "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
    char frame[512], event[1024];
    snprintf(frame, sizeof frame, "{\"id\":\"chatcmpl-bench0123456789\",\"object\":\"chat.completion.chunk\","
             "\"created\":1760000000,\"model\":\"%s\",\"choices\":", m->name);
    m->events = strcmp(m->name, "bench-slow") && strcmp(m->name, "bench-long") ? 200 : 20;
    m->event_end = calloc(m->events, sizeof *m->event_end);
    append(&m->stream, head, sizeof head - 1);
    for (int i = 0; i < m->events; i++) {
        if (i == 0)
            snprintf(event, sizeof event, "%s[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"A\"},"
                     "\"finish_reason\":null}]}", frame);
        else if (i < m->events - 1)
            snprintf(event, sizeof event, "%s[{\"index\":0,\"delta\":{\"content\":\" word%03d\"},"
                     "\"finish_reason\":null}]}", frame, i);
        else
            snprintf(event, sizeof event, "%s[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}", frame);
        append_event(&m->stream, event);
        m->event_end[i] = m->stream.size;
    }
    snprintf(event, sizeof event, "%s[],\"usage\":{\"prompt_tokens\":212,\"completion_tokens\":%d,"
             "\"total_tokens\":%d}}", frame, m->events, 212 + m->events);
    append_event(&m->stream, event);
    append_event(&m->stream, "[DONE]");
    append(&m->stream, "0\r\n\r\n", 5);
    m->event_end[m->events - 1] = m->stream.size;
}

static model *model_named(const char *name, size_t size) {
    for (int i = 0; i < model_count; i++)
        if (strlen(models[i].name) == size && !memcmp(models[i].name, name, size)) return &models[i];
    if (model_count == MAX_MODELS || size >= NAME_SIZE) return &models[0];
    model *m = &models[model_count++];
    memcpy(m->name, name, size);
    render_json(m);
    render_stream(m);
    return m;
}

/* ---- connections --------------------------------------------------------------------------------------------- */

typedef struct connection {
    int fd, answering, closed, queued, wants_write;
    bytes in;         /* received and not yet understood */
    size_t in_room;
    const char *out;  /* what is being written: bytes of a model or of `own` */
    size_t out_size;
    char own[256];
    manner how;
    model *model;
    int next_event;
    long long due;
    struct connection *next;
} connection;

/* Connections that wait for the same interval: first in, first due. */
typedef struct {
    long long interval;
    connection *head, *tail;
} queue;

static queue queues[] = {{50 * 1000000LL, 0, 0}, {5 * 1000000LL, 0, 0}, {250 * 1000000LL, 0, 0}, {3000 * 1000000LL, 0, 0}};
enum { AFTER_50MS, EVERY_5MS, EVERY_250MS, EVERY_3S, QUEUES };

static int poller;
static struct { long requests, answered, aborted, connections, open; } stats;

static void understand(connection *c);

static long long nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void wait_in(queue *q, connection *c, long long from) {
    c->due = from + q->interval;
    c->next = 0;
    c->queued = 1;
    if (q->tail) q->tail->next = c; else q->head = c;
    q->tail = c;
}

static void release(connection *c) {
    free(c->in.data);
    free(c);
}

static connection *condemned; /* closed in this round of events: freed after it, when no event can name them */

static void close_connection(connection *c) {
    if (c->closed) return;
    if (c->answering) stats.aborted++;
    stats.open--;
    close(c->fd);
    c->closed = 1;
    if (!c->queued) {
        c->next = condemned;
        condemned = c;
    }
}

static void finish_answer(connection *c) {
    if (c->answering) stats.answered++;
    c->answering = 0;
    understand(c);
}

static int is_last_event(connection *c) { return c->how != STREAMED || c->next_event >= c->model->events; }

static void watch_writes(connection *c, int on) {
    if (c->wants_write == on) return;
    struct epoll_event e = {.events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
    c->wants_write = on;
}

/* Writes what is left; when all of an answer is written the connection is ready for its next request. */
static void flush(connection *c) {
    while (c->out_size) {
        ssize_t n = send(c->fd, c->out, c->out_size, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) return watch_writes(c, 1);
        if (n < 0) return close_connection(c);
        c->out += n;
        c->out_size -= n;
    }
    watch_writes(c, 0);
    if (is_last_event(c)) finish_answer(c);
}

static void write_bytes(connection *c, const char *data, size_t size) {
    if (c->out_size) { /* a slow reader of a stream: events lie side by side, so the write just grows */
        c->out_size += size;
        return;
    }
    c->out = data;
    c->out_size = size;
    flush(c);
}

static void write_event(connection *c) {
    int i = c->next_event++;
    size_t from = i ? c->model->event_end[i - 1] : 0;
    write_bytes(c, c->model->stream.data + from, c->model->event_end[i] - from);
}

static int pace_of(const model *m) {
    if (!strcmp(m->name, "bench-paced")) return EVERY_5MS;
    if (!strcmp(m->name, "bench-slow")) return EVERY_250MS;
    if (!strcmp(m->name, "bench-long")) return EVERY_3S;
    return -1;
}

static void answer(connection *c, int streamed) {
    model *m = c->model;
    int pace = streamed ? pace_of(m) : -1;
    c->how = FAST;
    if (!strcmp(m->name, "bench-hang")) {
        c->how = HANGING;
    } else if (!strcmp(m->name, "bench-50ms")) {
        c->how = DELAYED;
        c->next_event = streamed;
        wait_in(&queues[AFTER_50MS], c, nanoseconds());
    } else if (pace >= 0) {
        c->how = STREAMED;
        c->next_event = 0;
        wait_in(&queues[pace], c, nanoseconds());
        write_event(c);
    } else if (streamed) {
        write_bytes(c, m->stream.data, m->stream.size);
    } else {
        write_bytes(c, m->json.data, m->json.size);
    }
}

static void answer_get(connection *c, int wants_stats) {
    char body[160];
    int size = wants_stats
        ? snprintf(body, sizeof body, "{\"requests\":%ld,\"answered\":%ld,\"aborted\":%ld,\"connections\":%ld,\"open\":%ld}",
                   stats.requests, stats.answered, stats.aborted, stats.connections, stats.open)
        : snprintf(body, sizeof body, "{\"object\":\"list\",\"data\":[{\"id\":\"bench-fast\",\"object\":\"model\"}]}");
    size = snprintf(c->own, sizeof c->own,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", size, body);
    c->how = FAST;
    write_bytes(c, c->own, size);
}

/* ---- requests ------------------------------------------------------------------------------------------------ */

static const char *find(const char *data, size_t size, const char *what) { return memmem(data, size, what, strlen(what)); }

/* The bytes after `"key":` and any blanks, or null. */
static const char *value_of(const char *body, size_t size, const char *key) {
    const char *end = body + size, *p = find(body, size, key);
    if (!p) return 0;
    for (p += strlen(key); p < end && (*p == ' ' || *p == ':'); p++) {}
    return p < end ? p : 0;
}

/* How long the body is: by content-length, or chunked up to its last chunk (good enough for JSON); -1: not all here. */
static long body_size(const char *head, size_t head_size, size_t available) {
    char line_end = head[head_size - 1];
    char *last = (char *)head + head_size - 1;
    *last = 0;
    const char *length = strcasestr(head, "\r\ncontent-length:");
    const char *chunked = strcasestr(head, "\r\ntransfer-encoding: chunked");
    long size = length ? atol(length + 17) : 0;
    *last = line_end;
    if (chunked) {
        const char *end = find(head + head_size, available, "0\r\n\r\n");
        return end ? end + 5 - (head + head_size) : -1;
    }
    return (size_t)size <= available ? size : -1;
}

static void understand(connection *c) {
    if (c->closed || c->answering || !c->in.size) return;
    const char *head = c->in.data, *blank = find(head, c->in.size, "\r\n\r\n");
    if (!blank) return;
    size_t head_size = blank + 4 - head;
    long size = body_size(head, head_size, c->in.size - head_size);
    if (size < 0) return;

    const char *body = head + head_size;
    int is_get = !memcmp(head, "GET ", 4), wants_stats = !memcmp(head, "GET /stats", 10), streamed = 0;
    if (!is_get) {
        const char *stream = value_of(body, size, "\"stream\""), *name = value_of(body, size, "\"model\"");
        const char *name_end = name && *name == '"' ? memchr(name + 1, '"', body + size - name - 1) : 0;
        streamed = stream && *stream == 't';
        c->model = name_end ? model_named(name + 1, name_end - name - 1) : &models[0];
        c->answering = 1;
        stats.requests++;
    }
    size_t used = head_size + size;
    memmove(c->in.data, c->in.data + used, c->in.size - used);
    c->in.size -= used;
    if (is_get) answer_get(c, wants_stats); else answer(c, streamed);
}

static void receive(connection *c) {
    for (;;) {
        if (c->in_room - c->in.size < READ_SIZE) c->in.data = realloc(c->in.data, c->in_room += READ_SIZE);
        size_t room = c->in_room - c->in.size;
        ssize_t n = recv(c->fd, c->in.data + c->in.size, room, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN)) return close_connection(c);
        if (n < 0) break;
        c->in.size += n;
        if ((size_t)n < room) break;
    }
    understand(c);
}

static void accept_all(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
        connection *c = calloc(1, sizeof *c);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
        stats.connections++;
        stats.open++;
    }
}

/* ---- the loop ------------------------------------------------------------------------------------------------ */

static void serve_due(void) {
    long long now = nanoseconds();
    for (int i = 0; i < QUEUES; i++) {
        queue *q = &queues[i];
        while (q->head && q->head->due <= now) {
            connection *c = q->head;
            q->head = c->next;
            if (!q->head) q->tail = 0;
            c->queued = 0;
            if (c->closed) {
                release(c);
            } else if (c->how == DELAYED) {
                bytes *b = c->next_event ? &c->model->stream : &c->model->json;
                c->how = FAST;
                write_bytes(c, b->data, b->size);
            } else {
                if (c->next_event < c->model->events - 1) wait_in(q, c, c->due);
                write_event(c);
            }
        }
    }
}

static struct timespec *time_left(struct timespec *left) {
    long long due = -1;
    for (int i = 0; i < QUEUES; i++)
        if (queues[i].head && (due < 0 || queues[i].head->due < due)) due = queues[i].head->due;
    if (due < 0) return 0;
    due -= nanoseconds();
    if (due < 0) due = 0;
    left->tv_sec = due / 1000000000LL;
    left->tv_nsec = due % 1000000000LL;
    return left;
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (void *)&a, sizeof a) || listen(fd, 4096)) {
        perror("upstream: cannot listen");
        exit(1);
    }
    getsockname(fd, (void *)&a, &size);
    printf("%d\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv) {
    struct epoll_event events[BATCH], e = {.events = EPOLLIN, .data.ptr = 0};
    struct timespec left;
    signal(SIGPIPE, SIG_IGN);
    model_named("bench-fast", strlen("bench-fast"));
    poller = epoll_create1(0);
    int listener = listen_on(argc > 1 ? atoi(argv[1]) : 0);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_pwait2(poller, events, BATCH, time_left(&left), 0);
        for (int i = 0; i < n; i++) {
            connection *c = events[i].data.ptr;
            if (!c) {
                accept_all(listener);
                continue;
            }
            if (!c->closed && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(c);
            if (!c->closed && events[i].events & EPOLLOUT) flush(c);
        }
        serve_due();
        while (condemned) {
            connection *c = condemned;
            condemned = c->next;
            release(c);
        }
    }
}
