//! Long work that Ctrl-C stops: the work runs on its own thread with the GIL released, while the calling thread looks
//! for signals.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use hemicycle_core::{Execution, Interrupt, Result};
use pyo3::prelude::*;

use crate::errors::BindingError;

/// How often the calling thread looks for a signal.
const POLL: Duration = Duration::from_millis(20);

/// Run `work` without the GIL on `n_threads` threads (`None`: every core); raise `KeyboardInterrupt` soon after Ctrl-C.
pub fn interruptible<T: Send>(
    py: Python<'_>,
    n_threads: Option<usize>,
    work: impl FnOnce(&Execution) -> Result<T> + Send,
) -> std::result::Result<T, BindingError> {
    let execution = Execution { n_threads, interrupt: Interrupt::new() };
    let execution = &execution;
    py.detach(|| {
        thread::scope(|scope| {
            let (sender, receiver) = channel();
            scope.spawn(move || {
                let _ = sender.send(execution.install(|| work(execution)));
            });
            let mut signal = None;
            loop {
                match receiver.recv_timeout(POLL) {
                    Ok(result) => {
                        return signal
                            .map_or_else(|| result.map_err(BindingError::from), |e| Err(BindingError::Python(e)));
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        if let Err(error) = Python::attach(|py| py.check_signals()) {
                            execution.interrupt.raise();
                            signal = Some(error);
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(BindingError::Core(hemicycle_core::Error::Interrupted));
                    }
                }
            }
        })
    })
}
