"""Runs inside of an agent's container: writes lines as the CLI would, to the log of the container.

    line_writer.py <marker> <lines> <lines a second, 0 for as fast as can be>

Each line, some 200 bytes, says when it was written: `marker:number:seconds;`. Prints when the
first was.
"""

import json
import sys
import time

marker, count, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
with open("/proc/1/fd/1", "w", buffering=1) as log:
    began = time.time()
    for number in range(count):
        if rate:
            time.sleep(max(0.0, began + number / rate - time.time()))
        text = f"{marker}:{number}:{time.time():.6f}; ".ljust(110, ".")
        content = [{"type": "text", "text": text}]
        message = {"role": "assistant", "content": content}
        log.write(json.dumps({"type": "assistant", "message": message}) + "\n")
print(began)
