/*  What oxmq adds to the C interface of ZeroMQ. Names begin with oxmq_ and OXMQ_; a program that
    uses any of them runs with oxmq's libzmq.so.5 only. doc/durable.md describes durable sockets.

    SPDX-License-Identifier: MIT OR Apache-2.0  */

#ifndef OXMQ_H_INCLUDED
#define OXMQ_H_INCLUDED

#include <zmq.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*  The version of oxmq as text, such as "0.1.0"; zmq_version tells the version of libzmq that it
    stands for. Never NULL; not to be freed.  */
ZMQ_EXPORT const char *oxmq_version (void);

/*  Options of durable sockets and of sockets whose queues may go to disk, for zmq_setsockopt and
    zmq_getsockopt. They are set before the first bind or connect, which opens the store and returns
    what is wrong with it; later they are EINVAL, but for OXMQ_ACK and OXMQ_MESSAGE_TTL. One that
    would come to nothing, such as any of them without OXMQ_DURABLE, or OXMQ_SPILL_DIR with it, makes
    the first bind or connect fail with EINVAL. Strings may come with their closing zero byte or
    without; zmq_getsockopt gives them with it, but for OXMQ_DURABLE.  */

/*  string: the directory of the store.  */
#define OXMQ_STORE 10001
/*  1 to 255 bytes: the name under which the socket is durable.  */
#define OXMQ_DURABLE 10002
/*  int: when a send returns and an acknowledgement goes out, OXMQ_SYNC_...  */
#define OXMQ_SYNC 10003
/*  int: when a received message counts as dealt with, OXMQ_ACK_...  */
#define OXMQ_ACK_MODE 10004
/*  int, 1, set only, at any time: acknowledges every message received so far.  */
#define OXMQ_ACK 10005
/*  int64_t: most bytes of the socket's log; -1 is no limit.  */
#define OXMQ_LOG_BYTES_MAX 10006
/*  int64_t: most messages of the socket's log; -1 is no limit.  */
#define OXMQ_LOG_MESSAGES_MAX 10007
/*  int, milliseconds: how long a message waits before it is given up; 0 is for ever.  */
#define OXMQ_LOG_AGE_MAX 10008
/*  int: deliveries after which a message that nobody acknowledges is set aside; 0 is never.  */
#define OXMQ_ATTEMPTS_MAX 10009
/*  string: the directory for queued messages that do not fit in memory; empty is none.  */
#define OXMQ_SPILL_DIR 10010
/*  int64_t: bytes of queued messages kept in memory before that; -1 is no limit.  */
#define OXMQ_SPILL_MEMORY 10011
/*  int64_t: most bytes on disk; -1 is no limit.  */
#define OXMQ_SPILL_LIMIT 10012
/*  int: where a subscriber begins whose name is new, OXMQ_START_...  */
#define OXMQ_START 10013
/*  int, milliseconds: the pause between synchronisations with OXMQ_SYNC_INTERVAL.  */
#define OXMQ_SYNC_IVL 10014
/*  int, milliseconds, at any time: how long a message sent from now on may wait in the socket's log
    before it is given up; 0 is for ever.  */
#define OXMQ_MESSAGE_TTL 10015
/*  int: how long a PUB or XPUB keeps messages, OXMQ_KEEP_...  */
#define OXMQ_KEEP 10016

/*  Values of OXMQ_SYNC: once the system has the message; the same, with the disk synchronised now
    and then; once the disk has it, which is the default.  */
#define OXMQ_SYNC_OS 1
#define OXMQ_SYNC_INTERVAL 2
#define OXMQ_SYNC_ALWAYS 3

/*  Values of OXMQ_ACK_MODE: when the next message is asked for, which is the default and belongs to
    one receiving thread; when the program says so.  */
#define OXMQ_ACK_AUTOMATIC 0
#define OXMQ_ACK_EXPLICIT 1

/*  Values of OXMQ_KEEP: until every subscriber with a name has settled them, which is the default;
    until the limits of the log are reached.  */
#define OXMQ_KEEP_SUBSCRIBERS 0
#define OXMQ_KEEP_LIMITS 1

/*  Values of OXMQ_START: with the next message, which is the default; with the oldest that is
    kept.  */
#define OXMQ_START_LATEST 0
#define OXMQ_START_EARLIEST 1

/*  Events of durable sockets, for zmq_socket_monitor_versioned with version 2; that of version 1 has
    no room for them. Their values, as many as are named: the first and the last offset that will not
    come, and why, OXMQ_GAP_...; the offset of a message that was set aside; a sender has another log
    than before, none; the errno of a store that failed; another socket has taken the name over,
    none.  */
#define OXMQ_EVENT_GAP (UINT64_C (1) << 32)
#define OXMQ_EVENT_DEAD_LETTER (UINT64_C (1) << 33)
#define OXMQ_EVENT_LOG_REPLACED (UINT64_C (1) << 34)
#define OXMQ_EVENT_STORE_FAILED (UINT64_C (1) << 35)
#define OXMQ_EVENT_FENCED (UINT64_C (1) << 36)

/*  Why a message will not come: the log's limits; it was too old; it was set aside; it was lost in a
    crash of the sender's machine; it is damaged on the sender's disk.  */
#define OXMQ_GAP_RETENTION 0
#define OXMQ_GAP_EXPIRED 1
#define OXMQ_GAP_DEAD_LETTER 2
#define OXMQ_GAP_LOST_IN_CRASH 3
#define OXMQ_GAP_DAMAGED 4

/*  Positions of oxmq_seek that are no offset.  */
#define OXMQ_EARLIEST (-1)
#define OXMQ_LATEST (-2)

/*  What becomes of a message that a durable socket has received: it is dealt with and does not come
    again; it comes again, not before delay_ms milliseconds are over; it cannot be dealt with, does
    not come again and is set aside. Any part of the message will do, in any thread, at any time
    before its socket is closed. Do not block: the word goes to the sender in the background.

    0, or -1 with errno EFAULT if msg is no message, EINVAL if it came from no durable socket or
    delay_ms is negative, EALREADY if it waits for no verdict: it has had one, or its socket is
    closed.

    zmq_msg_gets tells a message's place: "Oxmq-Log", "Oxmq-Epoch", "Oxmq-Offset", "Oxmq-Attempt".  */
ZMQ_EXPORT int oxmq_msg_ack (zmq_msg_t *msg);
ZMQ_EXPORT int oxmq_msg_nack (zmq_msg_t *msg, int delay_ms);
ZMQ_EXPORT int oxmq_msg_reject (zmq_msg_t *msg);

/*  Sends a message of count parts, and acknowledges a message that received_on has delivered, as one
    record: after a crash either both are done or neither. Both sockets are durable, with one store;
    they may be the same socket, and received_on may not be a REQ. The parts are sent as one message
    and are empty afterwards, as after zmq_msg_send; on failure they stay as they are, and nothing is
    acknowledged. flags may be ZMQ_DONTWAIT. Blocks as zmq_msg_send does.

    The bytes of the last part, or -1 with errno as zmq_msg_send sets it, EINVAL if count is 0 or
    received came from no durable socket, EFSM if it waits for no verdict of received_on, ENOTSUP if
    a socket is not durable or the two have different stores.  */
ZMQ_EXPORT int oxmq_send_and_ack (void *socket,
                                  zmq_msg_t *parts,
                                  size_t count,
                                  void *received_on,
                                  zmq_msg_t *received,
                                  int flags);

/*  Goes on receiving at an offset of the log, from 1, or at OXMQ_EARLIEST or OXMQ_LATEST: in the log
    of what the socket has recorded of peers that are not durable, and, on a SUB or XSUB, in that of
    each durable publisher that it knows. What was received before and not settled waits for no
    verdict any more.

    0, or -1 with errno ENOTSOCK, ETERM, EINVAL for a position that is none, ENOTSUP on a socket that
    is not durable or only sends.  */
ZMQ_EXPORT int oxmq_seek (void *socket, int64_t position);

/*  Waits until peers have settled every message sent before, for timeout_ms milliseconds at most; -1
    is for ever, 0 only asks.

    0, or -1 with errno EAGAIN if some are not settled, ENOTSOCK, ETERM, EINTR, EINVAL for a time
    below -1, ENOTSUP on a socket that is not durable.  */
ZMQ_EXPORT int oxmq_flush (void *socket, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
