#!/usr/bin/env python3
"""Load and faults for `mohd-eval serve`: right answers or clear errors, bounded memory, nothing hangs.

    python3 Tests/Tools/serve_load.py URL --pid PID [--requests 10000] [--clients 16] [--longest 2047] [--terminate]

Standard library only. Random prompts of 1 to --longest ids, some of which begin alike, are asked alone first; then
--clients ask them --requests times in all, alone or several at a time, and every number must be what it was. Then come
the faults. --terminate sends SIGTERM while requests run: each of them must be answered. Exits with 1 at the first
thing that is not as it should be.
"""
import argparse
import concurrent.futures
import http.client
import json
import os
import random
import signal
import socket
import struct
import sys
import threading
import time
import urllib.parse

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("--pid", type=int, required=True)
parser.add_argument("--requests", type=int, default=300)
parser.add_argument("--clients", type=int, default=16)
parser.add_argument("--longest", type=int, default=200)
parser.add_argument("--vocabulary", type=int, default=96)
parser.add_argument("--prompts", type=int, default=60, help="distinct prompts")
parser.add_argument("--growth", type=int, default=200, help="MiB that the server may take more than before")
parser.add_argument("--terminate", action="store_true")
options = parser.parse_args()
address = urllib.parse.urlparse(options.url)
draw = random.Random(1)


def memory(key):
    with open(f"/proc/{options.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(key))


def connect():
    return http.client.HTTPConnection(address.hostname, address.port, timeout=300)


def ask(connection, path, body, method="POST"):
    text = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
    answer = connection.getresponse()
    data = answer.read()
    assert answer.headers["Content-Type"] == "application/json", answer.headers
    return answer.status, json.loads(data)


def score(connection, prompts):
    status, answer = ask(connection, "/v1/completions", {
        "model": "any", "prompt": prompts, "temperature": 0, "max_tokens": 1, "logprobs": 1, "seed": 1, "echo": True})
    assert status == 200, answer
    assert [choice["index"] for choice in answer["choices"]] == list(range(len(prompts)))
    found = []
    for prompt, choice in zip(prompts, answer["choices"]):
        entries = choice["logprobs"]
        assert all(len(entries[key]) == len(prompt) + 1 for key in entries), {key: len(entries[key]) for key in entries}
        assert entries["token_logprobs"][0] is None and entries["top_logprobs"][0] is None
        found.append(entries["token_logprobs"][1:])
    return found


def raw(data, ends=False, timeout=60):
    """What the server says to some bytes."""
    with socket.create_connection((address.hostname, address.port), timeout=timeout) as client:
        try:
            client.sendall(data)
        except OSError:
            pass
        if ends:
            client.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while chunk := client.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass
        return answer


def request_bytes(body, extra=b""):
    return b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), extra, body)


def step(text):
    print(f"{time.monotonic() - start:6.1f} s  {text}", flush=True)


start = time.monotonic()
before = memory("VmRSS")

# Right answers, from many clients at the same time.
stems = [[draw.randrange(options.vocabulary) for _ in range(options.longest)] for _ in range(8)]
prompts = []
for _ in range(options.prompts):
    stem = draw.choice(stems)[:draw.randint(0, options.longest)]
    rest = draw.randint(1, 8) if draw.random() < 0.5 else draw.randint(1, options.longest)
    prompts.append((stem + [draw.randrange(options.vocabulary) for _ in range(rest)])[:options.longest])
connection = connect()
alone = [score(connection, [prompt])[0] for prompt in prompts]
step(f"{len(prompts)} prompts of 1 to {max(map(len, prompts))} ids asked alone")
left = options.requests
lock = threading.Lock()
worst = 0.0


def client(seed):
    global left, worst
    own = random.Random(seed)
    connection = connect()
    while True:
        with lock:
            if left == 0:
                return
            left -= 1
        indices = [own.randrange(len(prompts)) for _ in range(own.choice([1, 1, 1, 2, 5]))]
        answer = score(connection, [prompts[index] for index in indices])
        for index, found in zip(indices, answer):
            difference = max((abs(a - b) for a, b in zip(found, alone[index])), default=0)
            with lock:
                worst = max(worst, difference)
            assert difference < 1e-3, (index, difference)


with concurrent.futures.ThreadPoolExecutor(options.clients) as clients:
    for future in [clients.submit(client, seed) for seed in range(options.clients)]:
        future.result()
step(f"{options.requests} requests from {options.clients} clients; largest difference {worst:.1e}")

# Faults. After each one somebody else gets a right answer.
deep = b'{"prompt":' + b"[" * 1_000_000
hundred = 100_000_000


def refused(answer, status, part):
    assert answer.startswith(b"HTTP/1.1 %d " % status) and part in answer, answer[:400]
    body = json.loads(answer.split(b"\r\n\r\n", 1)[1])
    assert body["error"]["message"] and body["error"]["code"] == status, body


def vanish():
    body = json.dumps({"prompt": prompts[:20], "echo": True, "logprobs": 1}).encode()
    for linger in [False, True]:
        client = socket.create_connection((address.hostname, address.port))
        if linger:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(request_bytes(body))
        client.close()


def half_a_body():
    refused(raw(request_bytes(b"x" * 1000)[:-500], ends=True), 400, b"after 500 of 1000 bytes")
    client = socket.create_connection((address.hostname, address.port))
    client.sendall(request_bytes(b"x" * 1000)[:-500])
    client.close()


def large_body():
    with_length = connect()
    status, answer = ask(with_length, "/v1/completions", b" " * hundred)
    assert status == 413 and "at most" in answer["error"]["message"], answer
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    head = b"POST /v1/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    refused(raw(head + chunk * 95), 413, b"at most")


def endless_headers():
    refused(raw(b"GET /" + b"a" * 10_000_000), 431, b"headers")


def beyond_the_vocabulary():
    for wrong in [options.vocabulary, -1, 2**31, 2**63, 10**30]:
        status, answer = ask(connect(), "/v1/completions", {"prompt": [1, wrong]})
        assert status == 400, answer


def deep_json():
    refused(raw(request_bytes(deep, b"Connection: close\r\n")), 400, b"nested levels")


def no_request():
    refused(raw(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"), 400, b"request line")
    refused(raw(b"GET / HTTP/3.0\r\n\r\n"), 505, b"HTTP/1.1")
    assert raw(b"", ends=True) == b""


def slow_writer():
    body = json.dumps({"prompt": [1, 2, 3], "echo": True, "logprobs": 1}).encode()
    client = socket.create_connection((address.hostname, address.port), timeout=60)
    for byte in request_bytes(body):
        client.send(bytes([byte]))
        time.sleep(0.002)
    assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
    client.close()


def slow_reader():
    body = json.dumps({"prompt": prompts, "echo": True, "logprobs": 5}).encode()
    client = socket.create_connection((address.hostname, address.port), timeout=60)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sendall(request_bytes(body, b"Connection: close\r\n"))
    answer = b""
    time.sleep(0.5)
    while chunk := client.recv(16384):
        answer += chunk
    assert len(json.loads(answer.split(b"\r\n\r\n", 1)[1])["choices"]) == len(prompts)


def two_at_once():
    body = json.dumps({"prompt": [1, 2, 3]}).encode()
    answer = raw(request_bytes(body) + request_bytes(body, b"Connection: close\r\n"))
    assert answer.count(b"HTTP/1.1 200 OK") == 2, answer


def many_connections():
    clients = []
    for _ in range(300):
        clients.append(socket.create_connection((address.hostname, address.port), timeout=60))
    for client in clients:
        client.close()
    time.sleep(0.2)


def too_much():
    status, answer = ask(connect(), "/v1/completions", {"prompt": [[1] * 100] * 2049})
    assert status == 400 and "2048" in answer["error"]["message"], answer
    status, answer = ask(connect(), "/v1/completions", {"prompt": [[1] * 200] * 2000})
    assert status == 400 and "in all prompts together" in answer["error"]["message"], answer


for fault in [vanish, half_a_body, large_body, endless_headers, beyond_the_vocabulary, deep_json, no_request,
              slow_writer, slow_reader, two_at_once, many_connections, too_much]:
    fault()
    other = connect()
    assert ask(other, "/health", None, "GET") == (200, {"status": "ok"})
    found = score(other, [prompts[0]])[0]
    assert max((abs(a - b) for a, b in zip(found, alone[0])), default=0) < 1e-3
    step(f"{fault.__name__.replace('_', ' ')}: as it should be")

growth = memory("VmHWM") - before
step(f"most memory: {memory('VmHWM'):.0f} MiB, {growth:.0f} more than before")
assert growth < options.growth, growth

if options.terminate:
    body = {"prompt": (prompts * 40)[:400], "echo": True, "logprobs": 1, "max_tokens": 1, "temperature": 0}
    idle = socket.create_connection((address.hostname, address.port), timeout=60)
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        running = [clients.submit(lambda: ask(connect(), "/v1/completions", body)) for _ in range(8)]
        time.sleep(0.3)
        unfinished = sum(not future.done() for future in running)
        os.kill(options.pid, signal.SIGTERM)
        answers = [future.result() for future in running]
    assert all(status == 200 and len(answer["choices"]) == len(body["prompt"]) for status, answer in answers)
    assert idle.recv(1) == b"", "an idle connection is closed"
    step(f"SIGTERM while {unfinished} of 8 requests ran: all were answered")
sys.exit(0)
