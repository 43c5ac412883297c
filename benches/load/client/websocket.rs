//! A WebSocket at a time: a masked message out, the same message back.
//!
//! One that the server closes is an error, also while nothing is said: its users would see it.

#[path = "../../websocket/frame.rs"]
#[allow(dead_code, reason = "the app has the other half")]
mod frame;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gatepost::message::Head;
use tokio::io::AsyncWriteExt;

use self::frame::Header;
use super::Transport;
use super::duplex::{Inbox, Sending};
use crate::plan::Plan;
use crate::tally::Failure;

/// Payload of a control frame at most (RFC 6455 5.5).
const CONTROL: u64 = 125;

/// A place for one WebSocket at a time.
pub(super) struct Connection<'p> {
    plan: &'p Plan,
    message: &'p [u8],
    socket: Option<Transport>,
    inbox: Inbox,
    /// The message as it is sent.
    frame: Vec<u8>,
    /// Connections opened since this was last asked.
    pub(super) opened: u64,
}

impl<'p> Connection<'p> {
    pub(super) fn new(plan: &'p Plan, message: &'p [u8]) -> Self {
        Connection { plan, message, socket: None, inbox: Inbox::default(), frame: Vec::new(), opened: 0 }
    }

    pub(super) fn rest(&mut self) {
        (self.inbox, self.frame) = (Inbox::default(), Vec::new());
    }

    pub(super) async fn open(&mut self) -> Result<(), Failure> {
        let socket = self.connect().await?;
        self.socket = Some(socket);
        Ok(())
    }

    pub(super) async fn exchange(&mut self) -> Result<u64, Failure> {
        let mut socket = match self.socket.take() {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        let frame = std::mem::take(&mut self.frame);
        let echoed = self.echo(&mut socket, &frame).await?;
        (self.frame, self.socket) = (frame, Some(socket));
        Ok(echoed)
    }

    async fn connect(&mut self) -> Result<Transport, Failure> {
        self.opened += 1;
        self.inbox.clear();
        let mut socket = Transport::connect(self.plan.target, self.plan.tls.as_ref()).await?;
        let key = BASE64_STANDARD.encode(random::<16>()?);
        let request = [&self.plan.request.bytes, key.as_bytes(), b"\r\n\r\n"].concat();
        let (mut sending, mut head) = (Sending::new(&request, &[], 0), Head::new());
        self.inbox.head(&mut head, &mut socket, &mut sending).await?;
        if head.status() != 101 {
            return Err(Failure::Status);
        }
        let accepted = head.get_str("sec-websocket-accept") == Some(frame::accept(key.as_bytes()).as_bytes());
        if !accepted || !head.upgrade_to_websocket() {
            return Err(Failure::Malformed);
        }
        self.mask()?;
        Ok(socket)
    }

    /// Masks the message, once for each connection: a new mask for each frame (RFC 6455 5.3) keeps scripts in a browser
    /// from choosing what is on the wire, and here is no script.
    fn mask(&mut self) -> Result<(), Failure> {
        let mask = random()?;
        self.frame.clear();
        let header = Header { first: frame::FIN | frame::BINARY, mask: Some(mask), len: self.message.len() as u64 };
        header.encode(&mut self.frame);
        let at = self.frame.len();
        self.frame.extend_from_slice(self.message);
        frame::mask(&mut self.frame[at..], mask, 0);
        Ok(())
    }

    async fn echo(&mut self, socket: &mut Transport, frame: &[u8]) -> Result<u64, Failure> {
        let mut sending = Sending::new(frame, &[], 0);
        let mut pongs = Vec::new();
        let (mut wanted, mut is_first, mut is_over) = (self.message, true, false);
        while !is_over {
            let header = loop {
                if let Some((header, n)) = Header::parse(self.inbox.data()) {
                    self.inbox.drop_front(n);
                    break header;
                }
                self.inbox.more(socket, &mut sending).await?;
            };
            if header.mask.is_some() {
                return Err(Failure::Malformed);
            }
            match header.opcode() {
                frame::PING | frame::PONG if header.len <= CONTROL => {
                    let payload = self.control(header.len as usize, socket, &mut sending).await?;
                    if header.opcode() == frame::PING {
                        pong(&payload, &mut pongs)?;
                    }
                }
                frame::CLOSE => return Err(Failure::Closed),
                frame::BINARY if is_first => (is_first, is_over) = (false, header.is_last()),
                frame::CONTINUATION if !is_first => is_over = header.is_last(),
                _ => return Err(Failure::Malformed),
            }
            if header.opcode() < frame::CLOSE {
                wanted = self.payload(header.len, wanted, socket, &mut sending).await?;
            }
        }
        if !pongs.is_empty() {
            socket.write_all(&pongs).await.map_err(|_| Failure::Closed)?;
            socket.flush().await.map_err(|_| Failure::Closed)?;
        }
        // an echo that is there before all was sent is none
        let is_echo = wanted.is_empty() && sending.is_done();
        if is_echo { Ok(self.message.len() as u64) } else { Err(Failure::Body) }
    }

    /// Compares a frame's payload with what is still wanted of the message; returns what is wanted after it.
    async fn payload<'w>(
        &mut self,
        mut left: u64,
        mut wanted: &'w [u8],
        socket: &mut Transport,
        sending: &mut Sending<'_>,
    ) -> Result<&'w [u8], Failure> {
        while left > 0 {
            if self.inbox.is_empty() {
                self.inbox.more(socket, sending).await?;
            }
            let data = self.inbox.data();
            let len = usize::try_from(left).map_or(data.len(), |left| left.min(data.len()));
            wanted = wanted.strip_prefix(&data[..len]).ok_or(Failure::Body)?;
            self.inbox.drop_front(len);
            left -= len as u64;
        }
        Ok(wanted)
    }

    async fn control(
        &mut self,
        len: usize,
        socket: &mut Transport,
        sending: &mut Sending<'_>,
    ) -> Result<Vec<u8>, Failure> {
        while self.inbox.data().len() < len {
            self.inbox.more(socket, sending).await?;
        }
        let payload = self.inbox.data()[..len].to_vec();
        self.inbox.drop_front(len);
        Ok(payload)
    }
}

fn pong(payload: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    let mask = random()?;
    Header { first: frame::FIN | frame::PONG, mask: Some(mask), len: payload.len() as u64 }.encode(out);
    let at = out.len();
    out.extend_from_slice(payload);
    frame::mask(&mut out[at..], mask, 0);
    Ok(())
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Failure::Connect)?;
    Ok(bytes)
}
