//! What a client has sent and is not yet used. One door: [`Inbox`].

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Also the longest head, and what thousands of connections have each.
const ROOM: usize = 16 * 1024;
/// What a connection reads at once as soon as it has had a body.
const BODY_ROOM: usize = 64 * 1024;

/// Bytes in order, in a buffer that grows once at most.
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    from: usize,
    to: usize,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Inbox { bytes: vec![0; ROOM], from: 0, to: 0 }
    }

    pub(crate) fn data(&self) -> &[u8] {
        &self.bytes[self.from..self.to]
    }

    /// The first `n` bytes, to be changed in place.
    pub(crate) fn first_mut(&mut self, n: usize) -> &mut [u8] {
        &mut self.bytes[self.from..self.from + n]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.from == self.to
    }

    pub(crate) fn drop_front(&mut self, n: usize) {
        self.from += n;
    }

    /// A body comes: fewer and longer reads from now on.
    pub(crate) fn widen(&mut self) {
        self.bytes.resize(BODY_ROOM, 0);
    }

    /// Reads what is there, or waits for it. Returns how much came: 0 is the end.
    ///
    /// # Errors
    /// There is no room, for nothing of it could be used.
    pub(crate) async fn fill(&mut self, socket: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        if self.from > 0 {
            self.bytes.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        if self.to == self.bytes.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let n = socket.read(&mut self.bytes[self.to..]).await?;
        self.to += n;
        Ok(n)
    }

    /// As [`Self::fill`], where the end is an error.
    pub(crate) async fn more(&mut self, socket: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        match self.fill(socket).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
