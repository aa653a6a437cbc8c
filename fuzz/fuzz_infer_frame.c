/* Fuzz target of infer/worker/frame.h: whatever the other side writes, frames are within bounds and the channel comes to an end. */
#include <sys/socket.h>
#include <unistd.h>

#include "infer/worker/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { FITS_THE_SOCKET = 64 << 10 };
    int fd[2];
    struct frame f;
    struct err e;
    size_t sum = 0;
    bool got;
    if (size > FITS_THE_SOCKET || socketpair(AF_UNIX, SOCK_STREAM, 0, fd) != 0) return 0;
    must(write(fd[0], data, size) == (ssize_t)size);
    close(fd[0]);
    struct channel *c = channel_new(fd[1]);
    while (channel_receive(c, 1000, &f, &got, &e)) {
        must(got && f.kind > 0 && f.kind < FRAME_KINDS);
        for (size_t i = 0; i < f.text.n; i++) sum += (uint8_t)f.text.p[i];
    }
    must(e.code == ERR_CLOSED || e.code == ERR_INVALID);
    channel_free(c);
    return sum == SIZE_MAX;
}
