"""A way from containers to servers that listen on 127.0.0.1.

Docker Desktop routes `host.docker.internal` there by itself. On Linux it is the bridge's own address, which
only this machine and its containers can reach. Nothing of ours listens there, so the relay does while it is
needed.
"""

import asyncio
import errno
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress

from local.settings import HOST

_CHUNK_BYTES = 65536


@contextmanager
def relayed(address: str, ports: Sequence[int]) -> Iterator[bool]:
    """Forward connections to these ports of `address` to the same ports of 127.0.0.1.

    False if the address is not this machine's own, as with Docker Desktop, which needs no relay. If one is
    running already (for another `sam local`), that one is used.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    servers: list[asyncio.Server] = []
    ours = True
    try:
        for port in ports:
            serving = asyncio.run_coroutine_threadsafe(_serve(address, port), loop)
            try:
                servers.append(serving.result())
            except OSError as error:
                if error.errno not in {errno.EADDRNOTAVAIL, errno.EADDRINUSE}:
                    raise
                ours = error.errno == errno.EADDRINUSE
        yield ours
    finally:
        asyncio.run_coroutine_threadsafe(_close(servers), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve(address: str, port: int) -> asyncio.Server:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            try:
                onward_reader, onward_writer = await asyncio.open_connection(HOST, port)
            except OSError:
                return
            with closing(onward_writer):
                await asyncio.gather(_pass_on(reader, onward_writer), _pass_on(onward_reader, writer))

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return await asyncio.start_server(connected, sock=socket.create_server((address, port), family=family))


async def _close(servers: Sequence[asyncio.Server]) -> None:
    for server in servers:
        server.close()
        server.abort_clients()
    rest = asyncio.all_tasks() - {task for task in [asyncio.current_task()] if task}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.close()
