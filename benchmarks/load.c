/* load: asks a server for chat completions and says how it went, as one line of JSON.
 *
 *     load -p PORT -b BODY_FILE [-P PATH] [-H "Name: value"]... [-c CONNECTIONS] [-d SECONDS] [-w WARM_UP_SECONDS]
 *          [-r REQUESTS_A_SECOND] [-n REQUESTS] [-s] [-v] [-x] [-i] [-e EXPECTED_TEXT]
 *
 * Closed loop by default: each connection asks again as soon as it was answered. With -r the loop is open: requests
 * start by the clock on whichever of the -c connections is free, and latency counts from the planned start. What finds
 * none free is not sent, and counted as "late", so that a slow server cannot hide behind fewer questions. -s reads server-sent events; -n stops after so many requests. With -v
 * no two questions are the same: the first eight characters of what the user says count them. With -x a 429 or 503 that
 * says when to come back is no error: it is counted as refused, and the connection asks on. With -i it is told on its
 * input what to do, a line each time, and says after each how it went: CONNECTIONS (of those of -c, which stay open)
 * REQUESTS_A_SECOND (0 for a closed loop) WARM_UP_SECONDS SECONDS.
 *
 * Every body must contain EXPECTED_TEXT (with -s by default "[DONE]"), or the request is an error. Rates and latencies
 * leave out the warm-up; "sent" counts everything. When time is up nothing new starts and what is open is read to its
 * end (10 s at most), so that what was sent can be compared with what a ledger holds. Latencies are in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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

enum { BATCH = 512, HEAD_SIZE = 16384, READ_SIZE = 1 << 18 };
static const long long SECOND = 1000000000LL, DRAIN = 10 * 1000000000LL;

static struct {
    int port, connections, streamed, varied, refusable, told, active; /* active: how many of the connections ask now */
    double seconds, warm_up, rate;
    long requests;
    const char *path, *expected;
    char headers[8192];
} option = {.connections = 1, .seconds = 5, .path = "/v1/chat/completions"};

/* ---- samples ------------------------------------------------------------------------------------------------- */

typedef struct {
    long long *values;
    size_t count, room;
} samples;

static void note(samples *s, long long value) {
    if (s->count == s->room) s->values = realloc(s->values, (s->room = s->room ? 2 * s->room : 65536) * sizeof value);
    s->values[s->count++] = value;
}

static int ascending(const void *a, const void *b) {
    long long x = *(const long long *)a, y = *(const long long *)b;
    return x < y ? -1 : x > y;
}

static void print_samples(const char *name, samples *s) {
    static const double shares[] = {0.5, 0.9, 0.99, 1};
    static const char *labels[] = {"p50", "p90", "p99", "max"};
    qsort(s->values, s->count, sizeof *s->values, ascending);
    printf(", \"%s\": {\"count\": %zu", name, s->count);
    for (int i = 0; i < 4 && s->count; i++)
        printf(", \"%s\": %.1f", labels[i], s->values[(size_t)(shares[i] * (s->count - 1) + 0.5)] / 1000.0);
    printf("}");
}

/* ---- connections --------------------------------------------------------------------------------------------- */

typedef enum { IN_HEAD, IN_BODY, IN_CHUNK_SIZE, IN_CHUNK, AFTER_CHUNK, IN_TRAILER, UNTIL_CLOSE } place;

typedef struct {
    int fd, busy;
    long long start, first; /* when it was asked (or should have been), when the first token or byte of body came */
    place at;
    char head[HEAD_SIZE];
    int head_size, status, closes;
    long long left;         /* bytes left of the body or of the chunk */
    int line_size;          /* characters of the current line of chunk framing */
    char *body;
    size_t body_size, body_room, line_start;
    long events;
} connection;

static int poller;
static connection *connections;
static char *request;
static size_t request_size;
static char *number; /* where the question's number stands in it */
static long long measured_from, measured_to;
static samples latencies, first_tokens;
static struct { long sent, answered, counted, refused, events, late; } total;
static struct { long connect, status, body, closed, unfinished; } errors;
static int bad_status;
static char bad_body[200];

static connection **idle; /* of the open loop: those that ask nothing, the latest last */
static int idle_count;

static long long nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static void disconnect(connection *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
}

static int connect_to_server(connection *c) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(option.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (void *)&a, sizeof a)) {
        disconnect(c);
        return -1;
    }
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e);
    return 0;
}

static int send_request(connection *c) {
    static unsigned questions;
    size_t done = 0;
    if (number) {
        /* Each process begins elsewhere: what an earlier one asked may still be remembered. */
        if (!questions) questions = (unsigned)getpid() << 18;
        char digits[9];
        snprintf(digits, sizeof digits, "%08x", ++questions);
        memcpy(number, digits, 8);
    }
    while (done < request_size) {
        ssize_t n = send(c->fd, request + done, request_size - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) return -1;
        if (n < 0) usleep(50);
        else done += n;
    }
    return 0;
}

/* Asks once; a connection that the server closed while it was idle is opened anew. */
static void ask(connection *c, long long planned) {
    int was_open = c->fd >= 0;
    c->start = planned ? planned : nanoseconds();
    c->at = IN_HEAD;
    c->first = c->head_size = c->status = c->closes = c->line_size = c->events = 0;
    c->body_size = c->line_start = 0;
    c->left = -1;
    total.sent++;
    if (was_open && !send_request(c)) {
        c->busy = 1;
        return;
    }
    disconnect(c);
    if (connect_to_server(c) || send_request(c)) {
        errors.connect++;
        disconnect(c);
        usleep(1000);
        return;
    }
    c->busy = 1;
}

/* ---- answers ------------------------------------------------------------------------------------------------- */

/* Whether a line of an event carries text, in either dialect: a role alone, or an empty string, is no token. */
static int holds(const char *line, size_t size, const char *mark, size_t length) {
    const char *found = memmem(line, size, mark, length);
    return found && found + length < line + size && found[length] != '"';
}

static int is_token(const char *line, size_t size) {
    return holds(line, size, "\"content\":\"", 11) || holds(line, size, "\"text\":\"", 8);
}

static void count_events(connection *c, long long now) {
    char *newline;
    while ((newline = memchr(c->body + c->line_start, '\n', c->body_size - c->line_start))) {
        const char *line = c->body + c->line_start;
        if (newline - line > 5 && !memcmp(line, "data:", 5)) {
            c->events++;
            if (now >= measured_from && now <= measured_to) total.events++;
            if (!c->first && is_token(line, newline - line)) c->first = now;
        }
        c->line_start = newline + 1 - c->body;
    }
}

static void take_body(connection *c, const char *data, size_t size, long long now) {
    if (c->body_size + size > c->body_room) c->body = realloc(c->body, c->body_room = 2 * (c->body_size + size));
    memcpy(c->body + c->body_size, data, size);
    c->body_size += size;
    if (option.streamed) count_events(c, now);
    else if (!c->first) c->first = now;
}

/* Reads a line of chunk framing up to its end; the hexadecimal number in it goes to `left`. Returns bytes used. */
static size_t take_line(connection *c, const char *data, size_t size, int *complete) {
    for (size_t i = 0; i < size; i++) {
        char ch = data[i];
        int digit = ch >= '0' && ch <= '9' ? ch - '0' : (ch | 32) >= 'a' && (ch | 32) <= 'f' ? (ch | 32) - 'a' + 10 : -1;
        if (ch == '\n') {
            *complete = 1;
            return i + 1;
        }
        if (ch == '\r') continue;
        if (c->at == IN_CHUNK_SIZE && digit >= 0) c->left = 16 * c->left + digit;
        c->line_size++;
    }
    *complete = 0;
    return size;
}

/* Returns bytes used, or -1 when the head is not one of HTTP. */
static ssize_t take_head(connection *c, const char *data, size_t size) {
    size_t before = c->head_size, room = HEAD_SIZE - 1 - before, n = size < room ? size : room;
    memcpy(c->head + before, data, n);
    c->head[before + n] = 0;
    char *blank = strstr(c->head + (before > 3 ? before - 3 : 0), "\r\n\r\n");
    c->head_size = before + n;
    if (!blank) return n < size ? -1 : (ssize_t)n;
    blank[2] = 0;
    c->status = c->head_size > 12 ? atoi(c->head + 9) : 0;
    char *length = strcasestr(c->head, "\r\ncontent-length:"), *coding = strcasestr(c->head, "\r\ntransfer-encoding:");
    c->closes = strcasestr(c->head, "\r\nconnection: close") != 0;
    c->left = 0;
    if (coding && strcasestr(coding, "chunked")) c->at = IN_CHUNK_SIZE;
    else if (length) c->at = IN_BODY, c->left = atoll(length + 17);
    else c->at = UNTIL_CLOSE, c->closes = 1;
    return blank + 4 - c->head - before;
}

/* Takes what was received: 1 when the answer is complete, 0 when more must come, -1 when it makes no sense. */
static int take(connection *c, const char *data, size_t size, long long now) {
    while (size) {
        size_t used = size;
        int complete = 0;
        if (c->at == IN_HEAD) {
            ssize_t n = take_head(c, data, size);
            if (n < 0) return -1;
            used = n;
            if (c->at == IN_BODY && !c->left) return 1;
        } else if (c->at == IN_BODY || c->at == IN_CHUNK) {
            if ((long long)used > c->left) used = c->left;
            take_body(c, data, used, now);
            c->left -= used;
            if (!c->left && c->at == IN_BODY) return 1;
            if (!c->left) c->at = AFTER_CHUNK;
        } else if (c->at == UNTIL_CLOSE) {
            take_body(c, data, used, now);
        } else {
            used = take_line(c, data, size, &complete);
        }
        if (complete) {
            if (c->at == IN_TRAILER && !c->line_size) return 1;
            if (c->at == AFTER_CHUNK) c->at = IN_CHUNK_SIZE, c->left = 0;
            else if (c->at == IN_CHUNK_SIZE) c->at = c->left ? IN_CHUNK : IN_TRAILER;
            c->line_size = 0;
        }
        data += used;
        size -= used;
    }
    return 0;
}

static void keep_bad(connection *c) {
    if (bad_status) return;
    bad_status = c->status ? c->status : -1;
    size_t size = c->body_size < sizeof bad_body - 1 ? c->body_size : sizeof bad_body - 1;
    for (size_t i = 0; i < size; i++) {
        unsigned char ch = c->body[i];
        bad_body[i] = ch < 32 || ch > 126 || ch == '"' || ch == '\\' ? '\'' : ch;
    }
}

static void finish(connection *c, int complete, long long now) {
    c->busy = 0;
    if (!complete || c->closes) disconnect(c);
    int found = c->status == 200 && (!option.expected ||
        (c->body_size && memmem(c->body, c->body_size, option.expected, strlen(option.expected))));
    if (complete && option.refusable && (c->status == 429 || c->status == 503) && strcasestr(c->head, "\nretry-after:")) {
        total.refused++;
        return;
    }
    if (!complete || !found) {
        if (!complete) errors.closed++;
        else if (c->status != 200) errors.status++;
        else errors.body++;
        keep_bad(c);
        usleep(1000);
        return;
    }
    total.answered++;
    if (now < measured_from || now > measured_to) return;
    total.counted++;
    if (c->start < measured_from) return;
    note(&latencies, now - c->start);
    if (option.streamed) note(&first_tokens, c->first - c->start);
}

/* ---- the loop ------------------------------------------------------------------------------------------------ */

static int may_ask(long long now) { return now < measured_to && (!option.requests || total.sent < option.requests); }

/* Starts what is due in the open loop; what finds no connection free is not sent. Returns the nanoseconds until the next start. */
static long long ask_by_clock(long long *planned, long long interval) {
    long long now = nanoseconds();
    while (*planned <= now && may_ask(now)) {
        if (idle_count) {
            connection *c = idle[--idle_count];
            ask(c, *planned);
            if (!c->busy) idle[idle_count++] = c;
        } else total.late++;
        *planned += interval;
    }
    return *planned > now ? *planned - now : 0;
}

static void on_readable(connection *c, char *buffer) {
    if (c->fd < 0) return;
    ssize_t n = recv(c->fd, buffer, READ_SIZE, 0);
    if (n < 0 && errno == EAGAIN) return;
    long long now = nanoseconds();
    if (!c->busy) {
        if (n <= 0) disconnect(c);
        return;
    }
    int state = n > 0 ? take(c, buffer, n, now) : c->at == UNTIL_CLOSE ? 1 : -1;
    if (!state) return;
    finish(c, state > 0, now);
    if (option.rate) idle[idle_count++] = c;
    else if (may_ask(now)) ask(c, 0);
}

static int busy_connections(void) {
    int n = 0;
    for (int i = 0; i < option.connections; i++) n += connections[i].busy;
    return n;
}

static void run(void) {
    static char buffer[READ_SIZE];
    struct epoll_event events[BATCH];
    long long start = nanoseconds(), interval = option.rate > 0 ? (long long)(SECOND / option.rate) : 0, planned = start;
    measured_from = start + (long long)(option.warm_up * SECOND);
    measured_to = measured_from + (long long)(option.seconds * SECOND);
    idle_count = 0;
    for (int i = option.active; interval && i--;) idle[idle_count++] = &connections[i];
    for (int i = 0; !interval && i < option.active && may_ask(start); i++) ask(&connections[i], 0);
    for (;;) {
        long long now = nanoseconds(), pause = SECOND / 10;
        if (interval && may_ask(now)) {
            pause = ask_by_clock(&planned, interval);
            if (pause > SECOND / 10) pause = SECOND / 10;
        }
        if (now > measured_to + DRAIN || (!may_ask(now) && !busy_connections())) break;
        if (!interval && may_ask(now)) /* connections that failed try again */
            for (int i = 0; i < option.active && may_ask(now); i++)
                if (!connections[i].busy) ask(&connections[i], 0);
        struct timespec wait = {0, pause};
        int n = epoll_pwait2(poller, events, BATCH, &wait, 0);
        for (int i = 0; i < n; i++) on_readable(events[i].data.ptr, buffer);
    }
    errors.unfinished = busy_connections();
    long long end = nanoseconds();
    if (option.requests && end < measured_to) measured_to = end;
}

static void report(void) {
    double seconds = (double)(measured_to - measured_from) / SECOND;
    long failed = errors.connect + errors.status + errors.body + errors.closed + errors.unfinished;
    printf("{\"seconds\": %.4f, \"sent\": %ld, \"answered\": %ld, \"failed\": %ld, \"refused\": %ld, \"late\": %ld, \"requests_per_second\": %.2f",
           seconds, total.sent, total.answered, failed, total.refused, total.late, total.counted / seconds);
    printf(", \"errors\": {\"connect\": %ld, \"status\": %ld, \"body\": %ld, \"closed\": %ld, \"unfinished\": %ld}",
           errors.connect, errors.status, errors.body, errors.closed, errors.unfinished);
    print_samples("latency_us", &latencies);
    if (option.streamed) {
        print_samples("first_token_us", &first_tokens);
        printf(", \"events_per_second\": %.2f", total.events / seconds);
    }
    if (bad_status) printf(", \"bad_status\": %d, \"bad_body\": \"%s\"", bad_status, bad_body);
    printf("}\n");
    fflush(stdout);
}

static void read_options(int argc, char **argv, const char **body_file) {
    for (int o; (o = getopt(argc, argv, "p:P:b:H:c:d:w:r:n:svxie:")) != -1;) {
        if (o == 'p') option.port = atoi(optarg);
        else if (o == 'P') option.path = optarg;
        else if (o == 'b') *body_file = optarg;
        else if (o == 'c') option.connections = atoi(optarg);
        else if (o == 'd') option.seconds = atof(optarg);
        else if (o == 'w') option.warm_up = atof(optarg);
        else if (o == 'r') option.rate = atof(optarg);
        else if (o == 'n') option.requests = atol(optarg);
        else if (o == 's') option.streamed = 1;
        else if (o == 'v') option.varied = 1;
        else if (o == 'x') option.refusable = 1;
        else if (o == 'i') option.told = 1;
        else if (o == 'e') option.expected = optarg;
        else if (o == 'H' && strlen(option.headers) + strlen(optarg) + 3 < sizeof option.headers)
            strcat(strcat(option.headers, optarg), "\r\n");
        else exit(2);
    }
    if (option.streamed && !option.expected) option.expected = "[DONE]";
}

static void build_request(const char *body_file) {
    FILE *f = body_file ? fopen(body_file, "rb") : 0;
    if (!f || !option.port || option.connections < 1) {
        fprintf(stderr, "load: -p PORT and a readable -b BODY_FILE are needed\n");
        exit(2);
    }
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    request = malloc(size + sizeof option.headers + strlen(option.path) + 256);
    request_size = sprintf(request, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                           "Accept: */*\r\n%sContent-Length: %ld\r\n\r\n", option.path, option.port, option.headers, size);
    request_size += fread(request + request_size, 1, size, f);
    fclose(f);
    if (option.varied) {
        static const char said[] = "\"role\":\"user\",\"content\":\"";
        char *user = memmem(request, request_size, said, sizeof said - 1);
        if (!user) exit(2);
        number = user + sizeof said - 1;
    }
}

/* Reads from its input what to do next. */
static int next_phase(void) {
    int connections;
    if (scanf("%d %lf %lf %lf", &connections, &option.rate, &option.warm_up, &option.seconds) != 4) return 0;
    option.active = connections < option.connections ? connections : option.connections;
    latencies.count = first_tokens.count = 0;
    memset(&total, 0, sizeof total);
    memset(&errors, 0, sizeof errors);
    return 1;
}

int main(int argc, char **argv) {
    const char *body_file = 0;
    signal(SIGPIPE, SIG_IGN);
    read_options(argc, argv, &body_file);
    build_request(body_file);
    option.active = option.connections;
    poller = epoll_create1(0);
    connections = calloc(option.connections, sizeof *connections);
    idle = calloc(option.connections, sizeof *idle);
    for (int i = 0; i < option.connections; i++) connections[i].fd = -1;
    if (!option.told) {
        run();
        report();
    }
    while (option.told && next_phase()) {
        run();
        report();
    }
    return 0;
}
