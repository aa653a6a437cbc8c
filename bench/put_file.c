/* bench/put_file.c - sends a file by HTTP PUT, straight from the page cache (sendfile): the client that costs least.
 *
 *     put_file FILE URL
 *
 * Prints the seconds from connecting to the end of the answer, and the processor time of this process.  On a machine that client
 * and server share, what the client uses is missing to the server; curl reads the file and writes it to the socket, which
 * is a copy and some 0.3 s of processor more for a GiB. */
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STEP = 1 << 20 };

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int connect_to(const char *host, const char *port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
    if (getaddrinfo(host, port, &hints, &list) != 0) die(host);
    int fd = socket(list->ai_family, SOCK_STREAM, 0);
    /* Some systems pace what they send (BBR), which is for long lines: over the loopback the timers cost, and the pace is wrong.  A connection
     * that began to pace goes on with it under any other rule, so this comes before it is made. */
    if (fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) != 0) perror("TCP_CONGESTION");
    if (fd < 0 || connect(fd, list->ai_addr, list->ai_addrlen) != 0) die("connect");
    freeaddrinfo(list);
    return fd;
}

static void send_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t k = write(fd, p, n);
        if (k <= 0) die("write");
        p += k;
        n -= (size_t)k;
    }
}

int main(int argc, char **argv)
{
    char host[256], port[16], head[4096], answer[4096];
    struct stat st;
    struct rusage use;
    int at = 0;
    if (argc != 3 || sscanf(argv[2], "http://%255[^:/]:%15[0-9]%n", host, port, &at) != 2) {
        fprintf(stderr, "usage: put_file FILE http://HOST:PORT/PATH\n");
        return 2;
    }
    int file = open(argv[1], O_RDONLY);
    if (file < 0 || fstat(file, &st) != 0) die(argv[1]);
    double begin = now();
    int fd = connect_to(host, port);
    int n = snprintf(head, sizeof head, "PUT %s HTTP/1.1\r\nHost: %s:%s\r\nContent-Length: %lld\r\nConnection: close\r\n\r\n", argv[2] + at,
                     host, port, (long long)st.st_size);
    if (n < 0 || (size_t)n >= sizeof head) die("the URL is too long");
    send_all(fd, head, (size_t)n);
    for (off_t sent = 0; sent < st.st_size;)
        if (sendfile(fd, file, &sent, STEP) <= 0) die("sendfile");
    size_t got = 0;
    ssize_t k;
    while (got < sizeof answer - 1 && (k = read(fd, answer + got, sizeof answer - 1 - got)) > 0) got += (size_t)k;
    double seconds = now() - begin;
    answer[got] = 0;
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "%s\n", answer);
        return 1;
    }
    getrusage(RUSAGE_SELF, &use);
    printf("%.3f %.3f\n", seconds, (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
    return 0;
}
