"""Takes TCP connections, and passes on what comes.

    relay.py LISTEN_ADDRESS LISTEN_PORT ADDRESS PORT
"""

import asyncio
import sys

listen_address, listen_port, address, port = sys.argv[1:]


async def pass_on(reader, writer):
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def meet(reader, writer):
    writers = [writer]
    try:
        far_reader, far_writer = await asyncio.open_connection(address, int(port))
        writers.append(far_writer)
        await asyncio.gather(pass_on(reader, far_writer), pass_on(far_reader, writer))
    except OSError:
        pass  # Whoever is left notices.
    finally:
        for each in writers:
            each.close()


async def main():
    server = await asyncio.start_server(meet, listen_address, int(listen_port))
    await server.serve_forever()


asyncio.run(main())
