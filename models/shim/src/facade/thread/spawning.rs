//! Threads of the model: how one is spawned, joined and, in a scope, waited for.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::transmute;
use std::panic::Location;
use std::rc::Rc;
use std::thread::Result;

use super::Thread;
use crate::exec::explorer::{self, Object};
use crate::exec::tasks::{self, Waiter};
use crate::exec::{locals, steps, waits};

/// Plain state that is shared by threads of a model.
struct Shared<T>(Rc<T>);

// SAFETY: the threads of a model run one at a time, on one thread of the system, and what is shared is either of
// the model's own or given from one thread to another, which the callers' bounds allow.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Rc::clone(&self.0))
    }
}

/// As std's.
#[derive(Debug)]
pub struct Builder {
    builder: explorer::Builder,
}

impl Builder {
    /// As std's.
    #[expect(clippy::new_without_default, reason = "std's has no default")]
    pub fn new() -> Self {
        Builder { builder: explorer::Builder::new() }
    }

    /// As std's.
    #[must_use]
    pub fn name(self, name: String) -> Self {
        Builder { builder: self.builder.name(name) }
    }

    /// As std's, except that the explorer decides the size: its own code runs on the stack as well.
    #[must_use]
    pub fn stack_size(self, _: usize) -> Self {
        self
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// None.
    #[track_caller]
    pub fn spawn<F, T>(self, body: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let is_finished = Shared(Rc::new(Cell::new(false)));
        let finished = is_finished.clone();
        let inner = self.builder.spawn(move || {
            let finished = finished;
            let result = body();
            locals::end();
            finished.0.set(true);
            result
        })?;
        let thread = Thread(inner.thread().clone());
        Ok(JoinHandle { inner, thread, is_finished })
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// None.
    #[track_caller]
    pub fn spawn_scoped<'scope, F, T>(
        self,
        scope: &'scope Scope<'scope, '_>,
        body: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        scope.spawn_by(self, body)
    }
}

/// As std's.
///
/// # Panics
///
/// When the explorer has no thread left.
#[track_caller]
pub fn spawn<F, T>(body: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn(body).expect("a model has any number of threads, or reports its limit")
}

/// As std's.
pub struct JoinHandle<T> {
    inner: explorer::JoinHandle<T>,
    thread: Thread,
    is_finished: Shared<Cell<bool>>,
}

impl<T> JoinHandle<T> {
    /// As std's.
    ///
    /// # Errors
    ///
    /// When the thread panicked.
    pub fn join(self) -> Result<T> {
        self.inner.join()
    }

    /// As std's.
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    /// As std's. Other threads run.
    pub fn is_finished(&self) -> bool {
        super::yield_now();
        self.is_finished.0.get()
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}

/// As std's.
pub struct Scope<'scope, 'env: 'scope> {
    threads: Shared<Threads>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// The threads of a scope.
struct Threads {
    object: Object,
    running: Cell<usize>,
    /// The thread of the scope, while it waits for the others.
    waits: Cell<Option<Waiter>>,
}

/// As std's.
#[track_caller]
pub fn scope<'env, F, T>(body: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let site = Location::caller();
    let threads = Threads { object: Object::new(), running: Cell::new(0), waits: Cell::new(None) };
    let scope = Scope { threads: Shared(Rc::new(threads)), scope: PhantomData, env: PhantomData };
    let result = body(&scope);
    let threads = &scope.threads.0;
    steps::step(threads.object.location(), "waits for the threads of a scope", site);
    while threads.running.get() > 0 {
        threads.waits.set(Some(tasks::waiter()));
        waits::wait(None);
        steps::step(threads.object.location(), "has waited for the threads of a scope", site);
    }
    result
}

impl<'scope> Scope<'scope, '_> {
    /// As std's.
    ///
    /// # Panics
    ///
    /// When the explorer has no thread left.
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, body: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.spawn_by(Builder::new(), body).expect("a model has any number of threads, or reports its limit")
    }

    #[track_caller]
    fn spawn_by<F, T>(&'scope self, builder: Builder, body: F) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let site = Location::caller();
        let result = Shared(Rc::new(RefCell::new(None)));
        let (given, threads) = (result.clone(), self.threads.clone());
        threads.0.running.set(threads.0.running.get() + 1);
        let body = move || {
            let (given, threads) = (given, threads);
            let result = body();
            locals::end();
            *given.0.borrow_mut() = Some(result);
            drop(given);
            steps::step(threads.0.object.location(), "ends in a scope", site);
            threads.0.running.set(threads.0.running.get() - 1);
            if threads.0.running.get() == 0
                && let Some(waits) = threads.0.waits.take()
            {
                tasks::wake(waits);
            }
        };
        let body: Box<dyn FnOnce() + Send + 'scope> = Box::new(body);
        // SAFETY: the closure is called and dropped while everything that it borrows lives: `scope`, which lends
        // it `'scope`, returns only after the last thread has run it. When a model fails it may not return, and
        // then no thread of the model runs on.
        let body: Box<dyn FnOnce() + Send + 'static> = unsafe { transmute(body) };
        let JoinHandle { inner, thread, is_finished } = builder.spawn(body)?;
        Ok(ScopedJoinHandle { inner, thread, is_finished, result, scope: PhantomData })
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("running", &self.threads.0.running.get()).finish_non_exhaustive()
    }
}

/// As std's.
pub struct ScopedJoinHandle<'scope, T> {
    inner: explorer::JoinHandle<()>,
    thread: Thread,
    is_finished: Shared<Cell<bool>>,
    result: Shared<RefCell<Option<T>>>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// As std's.
    ///
    /// # Errors
    ///
    /// When the thread panicked.
    ///
    /// # Panics
    ///
    /// Never: a thread that has ended has left its result.
    pub fn join(self) -> Result<T> {
        self.inner.join()?;
        Ok(self.result.0.borrow_mut().take().expect("the thread has left its result"))
    }

    /// As std's.
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    /// As std's. Other threads run.
    pub fn is_finished(&self) -> bool {
        super::yield_now();
        self.is_finished.0.get()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").finish_non_exhaustive()
    }
}
