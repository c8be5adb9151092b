"""TLS in front of a server that has none: `postgres` and `redis-server` out of the wheels are built without it.

What a client checks (authority, host name, that there is TLS at all) is the same as before a server that has it.
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.certificates import Certificate

#: Postgres' clients ask for TLS in the clear first: length 8, request code 80877103; "S" is yes.
_POSTGRES_ASKS = bytes.fromhex("00000008 04d2162f")


@contextmanager
def tls_proxy(certificate: Certificate, host: str, port: int, *, postgres: bool = False) -> Iterator[int]:
    """The port on which TLS connections, and no others, are handed on to ``host`` and ``port``."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if postgres:
                if await reader.readexactly(8) != _POSTGRES_ASKS:
                    return
                writer.write(b"S")
                await writer.start_tls(context)
            behind, before = await asyncio.open_connection(host, port)
            await asyncio.gather(copy(reader, before), copy(behind, writer))
        except (OSError, asyncio.IncompleteReadError):  # a client that refuses the certificate
            return
        finally:
            writer.close()

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    thread = threading.Thread(target=loop.run_forever, name="tls-proxy")
    thread.start()

    async def begin() -> asyncio.Server:
        return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=None if postgres else context)

    async def end() -> None:
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
