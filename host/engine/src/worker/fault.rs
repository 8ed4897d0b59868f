//! What is told of a process that failed its plugin. No text holds a number or a word that
//! is another one the next time.

use lancet_core::{Fault, FaultKind};
use lancet_jail::{Crash, Death};

/// The fault of a plugin whose process came to that end in the middle of its call.
pub(super) fn of_death(death: Death) -> Fault {
    match death {
        Death::Violation => Fault::new(FaultKind::JailViolation, format!("its process was killed: {death}")),
        // Which of these it was depends on who was first.
        Death::Stopped | Death::Crashed(Crash::Signal(9)) => {
            Fault::new(FaultKind::Crash, "its process was killed, or closed its line to the host")
        }
        Death::Finished => Fault::new(FaultKind::Crash, "its process ended in the middle of its call"),
        Death::Crashed(_) => Fault::new(FaultKind::Crash, format!("its process died: {death}")),
    }
}

/// The fault of a plugin whose process said what no process of this program says there.
pub(super) fn of_speech(what: &str) -> Fault {
    let message = format!("its process said to the host what it cannot say there: {what}");
    Fault::new(FaultKind::JailViolation, message)
}

/// The fault of a plugin whose process has got round its limits.
pub(super) fn of_growth() -> Fault {
    let message = "its process has more memory than its limits let it have";
    Fault::new(FaultKind::JailViolation, message)
}

/// The fault of a plugin whose process is waited for in vain.
pub(super) fn of_silence(what: &str) -> Fault {
    Fault::new(FaultKind::Hung, format!("its process does not answer: {what}"))
}
