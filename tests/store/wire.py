"""What lies between a program and its database: it may lose an answer, or hold all of them back."""

import shutil
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

_SOCKET = ".s.PGSQL.5432"


class Wire:
    """A socket that passes on what it is told, to a server of PostgreSQL and back.

    Attributes:
        loses_answers: How many answers it still loses, with their connections, once they were given.
        loses_questions: How many statements it still loses, with their connections.
        hangs: It passes nothing on.
    """

    def __init__(self, server: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wire-"))
        self.loses_answers = 0
        self.loses_questions = 0
        self.hangs = threading.Event()
        self._server = server
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.folder / _SOCKET))
        self._listening.listen()
        self._open = [self._listening]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def url(self, url: str) -> str:
        """*url*, by this way."""
        return url.replace(str(self._server), str(self.folder))

    def close(self) -> None:
        """Cut all that is open."""
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in self._open:
            one.close()
        shutil.rmtree(self.folder)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.socket(socket.AF_UNIX)
                self._open += [near, far]
                far.connect(str(self._server / _SOCKET))
                for way in (self._forth, self._back):
                    thread = threading.Thread(target=way, args=(near, far), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _forth(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                if self.loses_questions:
                    self.loses_questions -= 1
                    near.shutdown(socket.SHUT_RDWR)
                    break
                if not self.hangs.is_set():
                    far.sendall(data)
            far.shutdown(socket.SHUT_WR)

    def _back(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := far.recv(65536):
                if self.loses_answers:
                    self.loses_answers -= 1
                    break
                if not self.hangs.is_set():
                    near.sendall(data)
            near.shutdown(socket.SHUT_RDWR)
            far.shutdown(socket.SHUT_RDWR)
