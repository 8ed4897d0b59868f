//! Whoever has a private key.

use std::io::{Read as _, Seek as _, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use lancet_child::Group;

use crate::error::SignerError;
use crate::key::{PrivateKey, PublicKey, SIGNATURE_BYTES, Signature};

/// Signs with one key.
pub trait Signer {
    /// The public half of the key.
    fn public(&self) -> PublicKey;

    /// The signature over a message, which holds by [`Self::public`].
    ///
    /// # Errors
    /// When whoever has the key does not sign.
    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError>;
}

impl Signer for PrivateKey {
    fn public(&self) -> PublicKey {
        PrivateKey::public(self)
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        Ok(self.signature(message))
    }
}

/// How often it is looked whether a command is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A command that signs: for keys in a token or with a key management service.
///
/// It is run by `sh -c`, gets the bytes to sign on stdin, and has to write the 64 bytes of the
/// signature to stdout and end with 0. Its stderr is that of this process. It is in a process
/// group of its own, and whatever of it stays in that is killed when the command is done, its
/// time is over, or somebody wants it to stop.
pub struct CommandSigner {
    public: PublicKey,
    command: String,
    limit: Duration,
    is_stopped: Box<dyn Fn() -> bool>,
}

impl CommandSigner {
    /// How long a command may take: a minute, as somebody may have to touch a token.
    pub const LIMIT: Duration = Duration::from_secs(60);

    /// The command that signs with that key.
    #[must_use]
    pub fn new(public: PublicKey, command: &str) -> Self {
        Self { public, command: command.to_owned(), limit: Self::LIMIT, is_stopped: Box::new(|| false) }
    }

    /// The same with another limit of time.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// The same, which is ended as soon as that says so: what a terminal's keys send reaches no
    /// process of another group.
    pub fn until(self, is_stopped: impl Fn() -> bool + 'static) -> Self {
        Self { is_stopped: Box::new(is_stopped), ..self }
    }

    fn run(&self, why: &dyn std::fmt::Display) -> SignerError {
        SignerError::Run { command: self.shown(), why: why.to_string() }
    }

    fn shown(&self) -> String {
        self.command.chars().take(200).collect()
    }

    /// What the command wrote, at most one byte more than a signature has, and how it ended.
    fn output(&self, message: &[u8]) -> Result<(Vec<u8>, ExitStatus), SignerError> {
        // A file takes all of it at once, whether or not it is read.
        let folder = std::env::temp_dir();
        let kept = tempfile::tempfile_in(&folder).and_then(|mut file| {
            file.write_all(message)?;
            file.rewind()?;
            Ok(file)
        });
        let stdin = kept.map_err(|error| SignerError::NoPlace { folder, why: error.to_string() })?;
        let until = Instant::now() + self.limit;
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &self.command]).stdin(Stdio::from(stdin)).stdout(Stdio::piped());
        let mut group = Group::start(&mut shell).map_err(|e| self.run(&e))?;
        let (sender, receiver) = mpsc::channel();
        if let Some(stdout) = group.stdout() {
            let read = move || {
                let mut bytes = Vec::new();
                let read = stdout.take(SIGNATURE_BYTES as u64 + 1).read_to_end(&mut bytes);
                // Whoever waits may have given up.
                let _ = sender.send(read.map(|_| bytes));
            };
            std::thread::Builder::new().spawn(read).map_err(|e| self.run(&e))?;
        }
        let goes_on = || {
            if (self.is_stopped)() {
                return Err(SignerError::Stopped { command: self.shown() });
            }
            match Instant::now() < until {
                true => Ok(()),
                false => Err(SignerError::Late { command: self.shown(), seconds: self.limit.as_secs() }),
            }
        };
        let bytes = loop {
            match receiver.recv_timeout(LOOK_EVERY) {
                Ok(read) => break read.map_err(|e| self.run(&e))?,
                Err(RecvTimeoutError::Timeout) => goes_on()?,
                // There is no pipe to read from.
                Err(RecvTimeoutError::Disconnected) => break Vec::new(),
            }
        };
        if bytes.len() > SIGNATURE_BYTES {
            return Err(SignerError::Size { command: self.shown(), found: "more bytes".to_owned() });
        }
        loop {
            if group.has_ended().map_err(|e| self.run(&e))? {
                let status = group.end().map_err(|e| self.run(&e))?;
                return Ok((bytes, status));
            }
            goes_on()?;
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Signer for CommandSigner {
    fn public(&self) -> PublicKey {
        self.public.clone()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let (bytes, status) = self.output(message)?;
        if !status.success() {
            return Err(SignerError::Failed { command: self.shown(), status: status.to_string() });
        }
        let found = format!("{} bytes", bytes.len());
        let signature =
            Signature::try_from(bytes).map_err(|_| SignerError::Size { command: self.shown(), found })?;
        if !self.public.has_signed(message, &signature) {
            return Err(SignerError::Wrong { command: self.shown(), key: self.public.id() });
        }
        Ok(signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_writes_is_the_signature_or_refused() {
        // What ends by itself has time for that, however busy the machine is.
        let (plenty, little) = (Duration::from_secs(60), Duration::from_millis(400));
        for (command, limit, expected) in [
            ("exit 3", plenty, "failed with exit status: 3"),
            ("exec no-such-command-here 2>/dev/null", plenty, "failed with exit status: 127"),
            ("kill -9 $$", plenty, "failed with signal: 9"),
            ("printf abc", plenty, "wrote 3 bytes, expected the 64 bytes"),
            ("true", plenty, "wrote 0 bytes"),
            ("cat /dev/zero", plenty, "wrote more bytes"),
            ("head -c 64 /dev/zero", plenty, "is no signature by the key"),
            ("sleep 600", little, "did not end within 0 s"),
            // What it leaves holds the pipe open.
            ("sleep 600 & head -c 64 /dev/zero", little, "did not end within 0 s"),
        ] {
            let began = Instant::now();
            let key = PrivateKey::generate().unwrap();
            let signer = CommandSigner::new(key.public(), command).within(limit);
            let error = signer.sign(b"message").unwrap_err();
            assert!(error.to_string().contains(expected), "{command}: {error}");
            assert!(!error.hint().is_empty());
            assert!(began.elapsed() < Duration::from_secs(300), "{command}");
        }
    }

    #[test]
    fn one_that_is_stopped_ends_and_signs_nothing() {
        let began = Instant::now();
        let key = PrivateKey::generate().unwrap();
        for command in ["sleep 600", "head -c 64 /dev/zero; exec >&-; sleep 600"] {
            let signer =
                CommandSigner::new(key.public(), command).until(move || began.elapsed().as_millis() > 300);
            let error = signer.sign(b"message").unwrap_err();
            assert!(matches!(error, SignerError::Stopped { .. }), "{command}: {error}");
        }
        assert!(began.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn it_gets_the_message_and_leaves_no_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let message = vec![7; 300 << 10];
        let key = PrivateKey::generate().unwrap();
        std::fs::write(path("signature"), key.signature(&message)).unwrap();
        // It does not read what it is given before it has written, and leaves somebody behind.
        let command = format!(
            "sleep 600 >/dev/null & echo $! >{}; cat {}; cat >{}",
            path("left").display(),
            path("signature").display(),
            path("given").display()
        );
        let signer = CommandSigner::new(key.public(), &command);
        assert_eq!(signer.sign(&message).unwrap(), key.signature(&message));
        assert_eq!(std::fs::read(path("given")).unwrap(), message);
        let left = std::fs::read_to_string(path("left")).unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        // A killed process may wait to be reaped by whoever inherited it.
        let is_there = || {
            let state = std::fs::read_to_string(format!("/proc/{}/stat", left.trim()));
            state.is_ok_and(|state| !state.contains(") Z"))
        };
        while is_there() {
            assert!(Instant::now() < until, "it is still there");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
