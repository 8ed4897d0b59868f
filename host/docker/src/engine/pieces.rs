//! Archives that arrive from the engine in pieces, for readers that block: nothing that may
//! be large is in memory as a whole.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;

/// Reads what arrives through a channel; blocks until it does.
pub(crate) struct Pieces {
    receiver: mpsc::Receiver<Bytes>,
    rest: Bytes,
}

impl Pieces {
    pub(crate) fn new(receiver: mpsc::Receiver<Bytes>) -> Self {
        Self { receiver, rest: Bytes::new() }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.rest = piece,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.rest.len());
        self.rest.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// Hands on all pieces, until there are no more or the reader has seen enough. What the
/// stream failed with, if it did.
pub(crate) async fn hand_on<E>(
    pieces: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
    sender: mpsc::Sender<Bytes>,
) -> Option<E> {
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => {
                if sender.send(piece).await.is_err() {
                    return None;
                }
            }
            Err(error) => return Some(error),
        }
    }
    None
}
