"""What is left when a peer goes away: half a message, an address, an endpoint."""
from kit import scenario


@scenario()
def rest_of_a_message_whose_peer_is_gone_is_dropped(z):
    for first, second in (("PUSH", "PULL"), ("DEALER", "DEALER")):
        for flags in (0, 1):
            ctx = z.context()
            one, two = ctx.pair(first, second, "ipc")
            z.settle(0.1)
            one.send(b"first", flags=2)
            two.close()
            for _ in range(3):
                z.settle(0.1)
                one.quiet_get("EVENTS")
            one.send(b"rest", flags=2 | flags)
            one.send(b"rest", flags=flags)
            one.full(b"next")
            ctx.end()


@scenario(stock="the rest goes to the next peer, as a message of its own")
def pair_never_sends_half_a_message(z):
    ctx = z.context()
    one = ctx.socket("PAIR")
    where = one.bind_any("ipc")
    two = ctx.socket("PAIR")
    two.connect(where)
    z.settle(0.1)
    one.send(b"first", flags=2)
    two.close()
    z.settle(0.2)
    three = ctx.socket("PAIR")
    three.connect(where)
    z.settle(0.2)
    z.expect("the rest", one.send(b"rest"), 4)
    z.expect("the next", one.send(b"next"), 4)
    z.expect("arrives", three.recv(), [b"next"])
    ctx.end()


@scenario()
def stream_takes_any_part_for_an_address(z):
    ctx = z.context()
    stream = ctx.socket("STREAM")
    stream.send(b"no such", flags=3)
    stream.send(b"address without body")
    stream.send(b"its body", flags=1)
    stream.send(b"no such", flags=3)
    ctx.end()


@scenario()
def rep_probes(z):
    ctx = z.context()
    dealer = ctx.socket("DEALER")
    rep = ctx.socket("REP", PROBE_ROUTER=1)
    ctx.link(dealer, rep, "ipc")
    dealer.recv()
    ctx.end()


@scenario()
def disconnect_from_an_inproc_peer_that_is_gone(z):
    ctx = z.context()
    one, two = ctx.pair("PAIR", "PAIR", "inproc")
    one.send(b"last")
    one.close()
    z.settle(0.1)
    two.recv()
    two.get("EVENTS")
    z.settle(0.1)
    two.get("EVENTS")
    two.disconnect("inproc://place0")
    again = ctx.socket("PAIR")
    again.bind("inproc://place0")
    two.connect("inproc://place0")
    two.send(b"x")
    again.recv()
    two.disconnect("inproc://place0")
    two.disconnect("inproc://place0")
    ctx.end()


@scenario()
def handover_does_not_drive_the_old_peer_back(z):
    """Were the old connection closed, its peer would take the name back, and so on for ever."""
    ctx = z.context()
    router = ctx.socket("ROUTER", ROUTER_HANDOVER=1)
    where = router.bind_any("tcp")
    old = ctx.socket("DEALER", ROUTING_ID=b"X", RECONNECT_IVL=10)
    monitor = old.monitor(ctx, 0x200)
    old.connect(where)
    old.send(b"old")
    router.recv()
    new = ctx.socket("DEALER", ROUTING_ID=b"X", RECONNECT_IVL=10)
    new.connect(where)
    new.send(b"new")
    router.recv()
    z.say("nothing lost", monitor.event(400))
    for number in range(50):
        router.quiet_send(b"X", b"%d" % number)
        new.quiet_recv()
    router.send(b"X", b"last")
    new.recv()
    old.none(100)
    new.close()
    z.settle(0.2)
    router.none(100)
    ctx.end()


@scenario()
def conflate_has_no_effect_on_other_types(z):
    ctx = z.context()
    for transport in ("ipc", "inproc"):
        one, two = ctx.pair("PAIR", "PAIR", transport, {"CONFLATE": 1}, {"CONFLATE": 1})
        one.get("CONFLATE")
        for number in range(3):
            one.send(b"%d" % number)
        z.settle(0.1)
        z.say("all", two.drain())
    ctx.end()


@scenario()
def stream_tells_nothing_of_what_it_closes(z):
    ctx = z.context()
    one = ctx.socket("STREAM", raw=True)
    one.set("RCVTIMEO", 300)
    where = one.bind_any("tcp")
    two = ctx.socket("STREAM")
    two.connect(where)
    one.quiet_recv()
    z.say("last id", len(one.quiet_get("ROUTING_ID")))
    one.unbind(where)
    z.settle(0.3)
    one.recv()
    ctx.end()


@scenario(stock="the request that follows is lost")
def request_that_lost_its_peer_half_way_can_be_made_again(z):
    ctx = z.context()
    req = ctx.socket("REQ")
    where = req.bind_any("ipc")
    rep = ctx.socket("REP")
    rep.connect(where)
    z.settle(0.1)
    req.send(b"half", flags=2)
    rep.close()
    for _ in range(3):
        z.settle(0.1)
        req.quiet_get("EVENTS")
    req.send(b"rest")
    again = ctx.socket("REP")
    again.connect(where)
    req.send(b"whole")
    z.expect("request", again.recv(), [b"whole"])
    again.send(b"reply")
    z.expect("reply", req.recv(), [b"reply"])
    ctx.end()
