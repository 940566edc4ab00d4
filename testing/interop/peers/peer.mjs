// A ZeroMQ peer on npm's zeromq that is told what to do, one line at a time; the words are those of
// peer.py beside this file. NODE_PATH names the folder that holds the package.
import { createRequire } from "node:module"
import { createInterface } from "node:readline"
import { join } from "node:path"

const zmq = createRequire(join(process.env.NODE_PATH, "x.js"))("zeromq")
const BLOCK = 1021
const TYPES = {
  PAIR: zmq.Pair, PUB: zmq.Publisher, SUB: zmq.Subscriber, REQ: zmq.Request, REP: zmq.Reply,
  DEALER: zmq.Dealer, ROUTER: zmq.Router, PULL: zmq.Pull, PUSH: zmq.Push, XPUB: zmq.XPublisher,
  XSUB: zmq.XSubscriber,
}

function made(seed, index, length) {
  let state = (Math.imul(seed, 2654435761) + Math.imul(index, 40503) + 12345) >>> 0
  const block = Buffer.alloc(Math.min(BLOCK, length))
  for (let at = 0; at < block.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    block[at] = state >>> 24
  }
  return length === 0 ? Buffer.alloc(0) : Buffer.alloc(length, block)
}

function message(spec, plus = 0) {
  const [seed, parts] = spec.split(":")
  return parts.split(",").map((part, index) => part.startsWith("=")
    ? Buffer.from(part.slice(1), "hex")
    : made(Number(seed) + plus, index, Number(part)))
}

const same = (a, b) => a.length === b.length && a.every((part, index) => part.equals(b[index]))

function check(got, spec, plus = 0) {
  if (!same(got, message(spec, plus))) {
    const lengths = got.map(part => part.length)
    throw new Error(`[${lengths.slice(0, 20)}] differs from ${spec} (+${plus})`)
  }
}

let socket, kind, routingId

const send = parts => socket.send(kind === "ROUTER" ? [routingId, ...parts] : parts)

async function recv() {
  const parts = await socket.receive()
  if (kind === "ROUTER") routingId = parts.shift()
  return parts
}

async function obey(word, rest) {
  switch (word) {
    case "open":
      kind = rest[0]
      socket = new TYPES[kind]({ linger: 0 })
      return ""
    case "bind":
      await socket.bind(rest[0])
      return socket.lastEndpoint
    case "connect": socket.connect(rest[0]); return ""
    case "subscribe": socket.subscribe(Buffer.from(rest[0] ?? "", "hex")); return ""
    case "unsubscribe": socket.unsubscribe(Buffer.from(rest[0] ?? "", "hex")); return ""
    case "send": await send(message(rest[0])); return ""
    case "recv": check(await recv(), rest[0]); return ""
    case "give":
      for (let plus = 0; plus < Number(rest[0]); plus++) await send(message(rest[1], plus))
      return ""
    case "take":
      for (let plus = 0; plus < Number(rest[0]); plus++) check(await recv(), rest[1], plus)
      return ""
    case "echo":
      for (let count = 0; count < Number(rest[0]); count++) await send(await recv())
      return ""
    case "until":
      while (!same(await recv(), message(rest[0]))) { /* what came before does not matter */ }
      return ""
    case "poll": return `${socket.readable}`
    case "close": socket.linger = -1; socket.close(); return ""
    default: throw new Error(`unknown word ${word}`)
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [word, ...rest] = line.split(" ").filter(Boolean)
  try {
    console.log(`ok ${await obey(word, rest)}`)
  } catch (error) {
    console.log(`error in ${line.slice(0, 100)}: ${error.message}`)
  }
}
