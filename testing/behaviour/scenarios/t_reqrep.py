"""REQ, REP and DEALER: RFC 28, zmq_socket(3) "Request-reply pattern"."""
from kit import SHORT, scenario

ALL = ("inproc", "ipc", "tcp")


def each(run):
    """The scenario once on each transport."""
    for transport in ALL:
        def one(z, transport=transport):
            run(z, transport)
        one.__name__, one.__module__ = f"{run.__name__}_{transport}", run.__module__
        scenario()(one)
    return run


@each
def round_trip(z, transport):
    ctx = z.context()
    rep, req = ctx.pair("REP", "REQ", transport)
    for body in (b"", b"x", b"y" * 33, b"z" * 34, b"w" * 300, b"v" * 100_000):
        req.send(body)
        rep.recv()
        rep.send(body, b"", body)
        req.recv()
    ctx.end()


@scenario()
def req_lockstep(z):
    ctx = z.context()
    rep, req = ctx.pair("REP", "REQ", "inproc")
    req.recv(1)
    req.recv()
    rep.send(b"early")
    rep.send(b"early", flags=1)
    req.send(b"a")
    req.send(b"b")
    req.send(b"b", flags=1)
    req.events()
    rep.recv()
    rep.recv()
    rep.recv(1)
    rep.events()
    rep.send(b"r")
    rep.send(b"r")
    req.recv()
    req.recv()
    req.events()
    rep.events()
    ctx.end()


@scenario()
def req_without_peer_blocks(z):
    ctx = z.context()
    req = ctx.socket("REQ", SNDTIMEO=50)
    req.send(b"x")
    req.send(b"x", flags=1)
    req.events()
    req.recv(1)
    req.bind("tcp://127.0.0.1:*")
    req.send(b"x", flags=1)
    req.events()
    ctx.end()


@scenario()
def req_multipart_half_sent(z):
    ctx = z.context()
    rep, req = ctx.pair("REP", "REQ", "inproc")
    req.send(b"a", flags=2)
    req.recv(1)
    req.events()
    rep.none()
    req.send(b"b", flags=2)
    req.send(b"c")
    rep.recv()
    rep.send(b"1", flags=2)
    rep.recv(1)
    rep.events()
    req.none()
    rep.send(b"2")
    req.recv()
    ctx.end()


@scenario()
def rep_half_received(z):
    ctx = z.context()
    rep, req = ctx.pair("REP", "REQ", "inproc")
    req.send(b"a", b"b")
    first = z.message()
    first.recv(rep)
    z.say("more", first.more())
    rep.get("RCVMORE")
    rep.send(b"no")
    rep.events()
    first.recv(rep)
    rep.get("RCVMORE")
    rep.send(b"yes")
    first.recv(req)
    z.say("more", first.more())
    req.send(b"next")
    ctx.end()


@scenario()
def req_half_received(z):
    ctx = z.context()
    rep, req = ctx.pair("REP", "REQ", "inproc")
    req.send(b"a")
    rep.recv()
    rep.send(b"1", b"2")
    m = z.message()
    m.recv(req)
    req.send(b"b")
    req.events()
    m.recv(req)
    req.send(b"b")
    rep.recv()
    ctx.end()


@each
def req_round_robin(z, transport):
    ctx = z.context()
    req = ctx.socket("REQ")
    reps = [ctx.socket("REP") for _ in range(3)]
    for rep in reps:
        req.connect(rep.bind_any(transport))
    z.settle()
    for turn in range(6):
        req.send(b"%d" % turn)
        got = [rep for rep in reps if rep.none(300) != "EAGAIN"]
        for rep in got:
            rep.send(b"re")
        req.recv()
    ctx.end()


@scenario()
def req_relaxed_sends_again(z):
    ctx = z.context()
    rep, req = ctx.socket("ROUTER"), ctx.socket("REQ", REQ_RELAXED=1, REQ_CORRELATE=1)
    ctx.link(rep, req, "tcp")
    req.send(b"1")
    one = rep.quiet_recv()
    req.send(b"2")
    two = rep.quiet_recv()
    z.say("parts", [len(one), len(two)])
    z.say("numbers", [len(one[1]), one[1] != two[1], one[2:], two[2:]])
    rep.quiet_send(one[0], one[1], b"", b"late")
    rep.quiet_send(two[0], two[1], b"", b"right")
    req.recv()
    req.none()
    ctx.end()


@scenario()
def req_relaxed_without_correlate_drops_old_pipe(z):
    ctx = z.context()
    rep, req = ctx.socket("ROUTER"), ctx.socket("REQ", REQ_RELAXED=1)
    ctx.link(rep, req, "tcp")
    req.send(b"1")
    one = rep.quiet_recv()
    z.say("one", one[1:])
    req.send(b"2")
    two = rep.quiet_recv()
    z.say("two", two[1:])
    z.say("the same peer", one[0] == two[0])
    rep.quiet_send(two[0], b"", b"right")
    req.recv()
    ctx.end()


@scenario()
def req_correlate_checks_number(z):
    ctx = z.context()
    rep, req = ctx.socket("ROUTER"), ctx.socket("REQ", REQ_CORRELATE=1)
    ctx.link(rep, req, "inproc")
    req.send(b"1")
    got = rep.quiet_recv()
    z.say("envelope", [len(got[1]), got[2:]])
    rep.quiet_send(got[0], b"", b"no number")
    rep.quiet_send(got[0], b"\0\0\0\0", b"", b"wrong number")
    rep.quiet_send(got[0], got[1], b"no delimiter")
    rep.quiet_send(got[0], got[1])
    req.none()
    rep.quiet_send(got[0], got[1], b"", b"right", b"more")
    req.recv()
    req.send(b"2")
    again = rep.quiet_recv()
    z.say("next number", again[1] != got[1])
    ctx.end()


@scenario(stock="it drops the connection instead; RFC 28 says to discard the message")
def req_ignores_malformed_replies(z):
    ctx = z.context()
    router, req = ctx.socket("ROUTER"), ctx.socket("REQ")
    ctx.link(router, req, "tcp")
    req.send(b"q")
    peer = router.quiet_recv()[0]
    router.quiet_send(peer, b"no delimiter")
    router.quiet_send(peer, b"no delimiter", b"twice")
    router.quiet_send(peer, b"")
    req.none()
    req.events()
    router.quiet_send(peer, b"", b"good")
    req.recv()
    ctx.end()


@scenario()
def req_listens_to_the_asked_peer_only(z):
    ctx = z.context()
    req = ctx.socket("REQ", ROUTING_ID=b"R")
    where = req.bind_any("tcp")
    routers = [ctx.socket("ROUTER", ROUTER_MANDATORY=1) for _ in range(2)]
    for router in routers:
        router.connect(where)
        z.eventually("reached", lambda: router.quiet_send(b"R", b"", b"early") == 5)
    req.send(b"q")
    asked = [r for r in routers if r.none() != "EAGAIN"][0]
    other = [r for r in routers if r is not asked][0]
    other.quiet_send(b"R", b"", b"intruder")
    z.settle(0.1)
    asked.quiet_send(b"R", b"", b"answer")
    req.recv()
    ctx.end()


@scenario()
def req_peer_lost_before_reply(z):
    ctx = z.context()
    rep, req = ctx.pair("REP", "REQ", "tcp")
    req.send(b"q")
    rep.recv()
    rep.close()
    z.settle()
    req.none()
    req.send(b"again")
    req.recv(1)
    ctx.end()


@scenario()
def req_relaxed_peer_lost(z):
    ctx = z.context()
    port = z.port()
    req = ctx.socket("REQ", REQ_RELAXED=1, REQ_CORRELATE=1, RECONNECT_IVL=20)
    rep = ctx.socket("REP")
    rep.bind(f"tcp://127.0.0.1:{port}")
    req.connect(f"tcp://127.0.0.1:{port}")
    req.send(b"q")
    rep.recv()
    rep.close()
    z.settle()
    second = ctx.socket("REP")
    z.eventually("bound again", lambda: second.bind(f"tcp://127.0.0.1:{port}") == 0)
    req.send(b"again")
    second.recv()
    second.send(b"answer")
    req.recv()
    ctx.end()


@scenario()
def rep_drops_reply_to_lost_peer(z):
    ctx = z.context()
    rep = ctx.socket("REP")
    where = rep.bind_any("tcp")
    req = ctx.socket("REQ")
    req.connect(where)
    req.send(b"q")
    rep.recv()
    req.close()
    z.settle()
    rep.events()
    rep.send(b"lost")
    second = ctx.socket("REQ")
    second.connect(where)
    second.send(b"q2")
    rep.recv()
    rep.send(b"r2")
    second.recv()
    ctx.end()


@scenario()
def rep_envelopes(z):
    ctx = z.context()
    rep, dealer = ctx.pair("REP", "DEALER", "tcp")
    dealer.send(b"hop2", b"hop1", b"", b"body", b"more")
    rep.recv()
    rep.send(b"reply", b"x")
    dealer.recv()
    dealer.send(b"", b"", b"body")
    rep.recv()
    rep.send(b"reply")
    dealer.recv()
    dealer.send(b"", b"")
    rep.recv()
    rep.send(b"")
    dealer.recv()
    ctx.end()


@scenario()
def rep_skips_invalid_envelopes(z):
    ctx = z.context()
    rep, dealer = ctx.pair("REP", "DEALER", "inproc")
    dealer.send(b"no delimiter")
    dealer.send(b"a", b"b", b"c")
    dealer.send(b"")
    dealer.send(b"a", b"")
    rep.none()
    dealer.send(b"", b"good")
    rep.recv()
    rep.send(b"r")
    dealer.recv()
    dealer.none()
    ctx.end()


@scenario()
def rep_deep_routing_stack(z):
    ctx = z.context()
    rep, dealer = ctx.pair("REP", "DEALER", "inproc")
    hops = [b"hop%d" % i for i in range(300)]
    dealer.send(*hops, b"", b"body")
    rep.recv()
    rep.send(b"r")
    got = dealer.quiet_recv()
    z.say("as sent", got == hops + [b"", b"r"])
    ctx.end()


@scenario()
def rep_fair_queueing(z):
    ctx = z.context()
    rep = ctx.socket("REP")
    where = rep.bind_any("inproc")
    reqs = [ctx.socket("REQ") for _ in range(4)]
    for req in reqs:
        req.connect(where)
    for round_number in range(3):
        for index, req in enumerate(reqs):
            req.send(b"%d" % index)
        seen = []
        for _ in reqs:
            seen.append(rep.quiet_recv()[0])
            rep.quiet_send(b"r")
        z.say(f"round {round_number}", sorted(seen))
        for req in reqs:
            req.recv()
    ctx.end()


@scenario()
def dealer_round_robin_and_fair_queue(z):
    ctx = z.context()
    dealer = ctx.socket("DEALER")
    where = dealer.bind_any("inproc")
    peers = [ctx.socket("DEALER") for _ in range(3)]
    for peer in peers:
        peer.connect(where)
    for i in range(9):
        dealer.send(b"%d" % i)
    for peer in peers:
        z.say("got", [peer.quiet_recv() for _ in range(3)])
    for i in range(3):
        for n, peer in enumerate(peers):
            peer.quiet_send(b"%d from %d" % (i, n))
    z.say("in turn", [dealer.quiet_recv() for _ in range(9)])
    ctx.end()


@scenario()
def dealer_mute_states(z):
    ctx = z.context()
    dealer = ctx.socket("DEALER")
    dealer.events()
    dealer.send(b"x", flags=1)
    dealer.full(b"x")
    dealer.recv(1)
    dealer.connect(f"tcp://127.0.0.1:{z.port()}")
    dealer.events()
    dealer.send(b"x", flags=1)
    ctx.end()


@scenario()
def dealer_immediate_waits(z):
    ctx = z.context()
    port = z.port()
    dealer = ctx.socket("DEALER", IMMEDIATE=1, RECONNECT_IVL=20)
    dealer.connect(f"tcp://127.0.0.1:{port}")
    dealer.events()
    dealer.full(b"x")
    peer = ctx.socket("DEALER")
    peer.bind(f"tcp://127.0.0.1:{port}")
    dealer.send(b"there")
    peer.recv()
    ctx.end()


@scenario()
def dealer_multipart_is_atomic(z):
    ctx = z.context()
    dealer = ctx.socket("DEALER")
    peers = [ctx.socket("DEALER") for _ in range(2)]
    for peer in peers:
        dealer.connect(peer.bind_any("tcp"))
    z.settle()
    for i in range(4):
        dealer.send(b"a%d" % i, b"b%d" % i, b"c%d" % i)
    for peer in peers:
        peer.recv()
        peer.recv()
        peer.none()
    ctx.end()


@scenario()
def incompatible_types_do_not_talk(z):
    for one, two in (("REP", "PUSH"), ("PUB", "PULL"), ("PAIR", "DEALER"),
                     ("ROUTER", "REP"), ("PUB", "PUB"), ("PULL", "SUB")):
        ctx = z.context()
        a, b = ctx.pair(one, two, "tcp")
        z.settle(0.2)
        a.send(b"", b"x", flags=1)
        b.send(b"", b"y", flags=1)
        a.none(100)
        b.none(100)
        ctx.end()


@scenario()
def not_supported_directions(z):
    ctx = z.context()
    for name in ("PUB", "SUB", "PUSH", "PULL", "XPUB", "XSUB", "ROUTER", "DEALER", "REP", "REQ",
                 "PAIR"):
        one = ctx.socket(name)
        one.bind("tcp://127.0.0.1:*")
        one.send(b"x", flags=1)
        one.recv(1)
        one.send(b"x", flags=3)
        one.events()
    ctx.end()


@scenario()
def request_through_a_chain(z):
    """REQ - ROUTER/DEALER - ROUTER/DEALER - REP by hand."""
    ctx = z.context()
    front, back = ctx.socket("ROUTER"), ctx.socket("DEALER")
    front2, back2 = ctx.socket("ROUTER"), ctx.socket("DEALER")
    req, rep = ctx.socket("REQ"), ctx.socket("REP")
    ctx.link(front, req, "tcp")
    ctx.link(front2, back, "ipc")
    ctx.link(rep, back2, "inproc")
    req.send(b"q", b"r")
    for source, to in ((front, back), (front2, back2)):
        to.quiet_send(*source.quiet_recv())
    rep.recv()
    rep.send(b"a", b"b")
    for source, to in ((back2, front2), (back, front)):
        to.quiet_send(*source.quiet_recv())
    req.recv()
    ctx.end()


@scenario()
def rep_reply_when_peer_queue_is_full(z):
    ctx = z.context()
    rep = ctx.socket("REP", SNDHWM=1, RCVHWM=1)
    dealer = ctx.socket("DEALER", RCVHWM=1, SNDHWM=1)
    ctx.link(rep, dealer, "inproc")
    for _ in range(10):
        dealer.quiet_send(b"", b"q")
        rep.quiet_recv()
        z.say("reply", rep.quiet_send(b"r", flags=1))
    z.say("kept", len(dealer.drain(SHORT)))
    ctx.end()
