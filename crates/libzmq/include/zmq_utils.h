/*  Deprecated: zmq.h has everything that this header had.

    SPDX-License-Identifier: MIT OR Apache-2.0  */
