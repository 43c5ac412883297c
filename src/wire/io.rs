//! What a [`Stream`](super::Stream) reads and writes: a socket, or TLS over one.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use rustix::net::SendFlags;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A connection's transport.
pub(super) enum Io {
    Tcp(TcpStream),
    /// On the heap: a connection in clear must not be as large.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Io {
    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Io::Tcp(socket) => socket,
            Io::Tls(tls) => tls.get_ref().0,
        }
    }

    /// Writes what the end of the connection follows at once: the system sends both in one packet, if the end comes within
    /// 200 ms (tcp(7), `MSG_MORE`). Under TLS what follows is a `close_notify`, and this is an ordinary write.
    pub(super) fn poll_write_last(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Io::Tcp(socket) = self else { return Pin::new(self).poll_write(cx, bytes) };
        loop {
            ready!(socket.poll_write_ready(cx))?;
            let send = || Ok(rustix::net::send(&*socket, bytes, SendFlags::MORE | SendFlags::NOSIGNAL)?);
            match socket.try_io(Interest::WRITABLE, send) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    /// Whether nothing has arrived that was not read. Asks the system, which may know more than tokio yet.
    pub(super) fn is_silent(&self) -> bool {
        // rustls wants to read unless it has plaintext for us
        let decrypted = match self {
            Io::Tcp(_) => false,
            Io::Tls(tls) => !tls.get_ref().1.wants_read(),
        };
        let mut byte = [std::mem::MaybeUninit::uninit()];
        !decrypted && !socket2::SockRef::from(self.socket()).peek(&mut byte).is_ok_and(|n| n > 0)
    }

    /// Whether nothing is there to be read, no end and no error, as far as tokio knows: no system call.
    pub(super) fn is_quiet(&self) -> bool {
        self.socket().poll_read_ready(&mut Context::from_waker(Waker::noop())).is_pending()
    }
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Tcp(socket) => Pin::new(socket).poll_read(cx, out),
            Io::Tls(tls) => Pin::new(tls).poll_read(cx, out),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Io::Tcp(socket) => Pin::new(socket).poll_write(cx, bytes),
            Io::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Io::Tcp(socket) => Pin::new(socket).poll_write_vectored(cx, parts),
            Io::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// TLS takes more than the socket does: what it sealed and holds goes out here.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Tcp(_) => Poll::Ready(Ok(())),
            Io::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    /// FIN; under TLS a `close_notify` before it.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Io::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
