//! A payment provider that does what the test says, and remembers what it was asked for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{Order, PaymentId, fixtures};
use payments::{CaptureError, CardNumber, PaymentError, PaymentProvider, ProviderError};

type Meanwhile = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
pub(crate) struct FakeProvider {
    is_silent: AtomicBool,
    payment_is_gone: AtomicBool,
    meanwhile: Mutex<Option<Meanwhile>>,
    given_back: Mutex<Vec<PaymentId>>,
}

/// The payment that this provider authorises for every order.
pub(crate) const PAYMENT: &str = "payment-1";

pub(crate) fn card() -> CardNumber {
    "4242 4242 4242 4242".parse().expect("a card's number")
}

impl FakeProvider {
    /// Does this while it is next asked to authorise or to capture.
    pub(crate) fn meanwhile(&self, work: impl Future<Output = ()> + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some(Box::pin(work));
    }

    pub(crate) fn be_silent(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::Relaxed);
    }

    pub(crate) fn lose_payments(&self) {
        self.payment_is_gone.store(true, Ordering::Relaxed);
    }

    pub(crate) fn given_back(&self) -> Vec<String> {
        let given_back = self.given_back.lock().unwrap();
        given_back.iter().map(ToString::to_string).collect()
    }

    async fn answer(&self) -> Result<(), ProviderError> {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        if self.is_silent.load(Ordering::Relaxed) {
            return Err(ProviderError);
        }
        Ok(())
    }
}

impl PaymentProvider for FakeProvider {
    async fn authorise(&self, _: &Order, _: &CardNumber) -> Result<PaymentId, PaymentError> {
        self.answer().await?;
        Ok(fixtures::payment(PAYMENT).payment_id)
    }

    async fn capture(&self, _: &PaymentId) -> Result<(), CaptureError> {
        self.answer().await?;
        if self.payment_is_gone.load(Ordering::Relaxed) {
            return Err(CaptureError::Gone);
        }
        Ok(())
    }

    async fn give_back(&self, payment: &PaymentId) -> Result<(), ProviderError> {
        self.answer().await?;
        self.given_back.lock().unwrap().push(payment.clone());
        Ok(())
    }
}
