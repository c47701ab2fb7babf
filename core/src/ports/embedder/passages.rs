//! Products' passages to their vectors, for everybody who embeds products: which text stands for a product, and which
//! text a vector was made of, is said here alone.

use super::{EmbedError, Embedder, TextKind, Urgency};
use crate::ports::catalog::VectorWrite;
use crate::{Product, ProductId, UnitVector, stable_hash128};

/// A product and the text that is embedded for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The product.
    pub product_id: ProductId,
    /// Its [`Product::passage`].
    pub text: String,
    /// [`stable_hash128`] of the text.
    pub hash: u128,
}

impl Passage {
    /// The passage of `product` as it stands.
    pub fn of(product: &Product) -> Self {
        let text = product.passage();
        let hash = stable_hash128(text.as_bytes());
        Self { product_id: product.product_id.clone(), text, hash }
    }
}

/// Embeds `passages` in one call; gives for each, in their order, what the catalogue is to set. Writes nothing, tries
/// nothing again and waits as long as the embedder does: how urgent it is, how long to wait and what to do about an error
/// is up to the caller.
///
/// # Errors
/// What the embedder answers; [`EmbedError::Failed`] where that is not one unit vector for each passage.
pub async fn embed_passages(
    embedder: &dyn Embedder,
    passages: &[Passage],
    urgency: Urgency,
) -> Result<Vec<VectorWrite>, EmbedError> {
    let texts: Vec<String> = passages.iter().map(|passage| passage.text.clone()).collect();
    let rows = embedder.embed(&texts, TextKind::Passage, urgency).await?;
    if rows.nrows() != passages.len() {
        return Err(EmbedError::Failed(format!("{} vectors for {} texts", rows.nrows(), passages.len())));
    }
    let write = |(passage, row): (&Passage, ndarray::ArrayView1<'_, f32>)| {
        let vector =
            UnitVector::checked(row.to_vec()).map_err(|error| EmbedError::Failed(error.to_string()))?;
        Ok(VectorWrite { product_id: passage.product_id.clone(), passage_hash: passage.hash, vector })
    };
    passages.iter().zip(rows.rows()).map(write).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use ndarray::{Array2, array};

    use super::*;
    use crate::{Currency, ModelId, Money};

    /// Answers with `rows`, whatever is asked, and notes it.
    struct Fixed {
        model: ModelId,
        rows: Array2<f32>,
        asked: Mutex<Vec<(Vec<String>, TextKind, Urgency)>>,
    }

    #[async_trait]
    impl Embedder for Fixed {
        fn model(&self) -> &ModelId {
            &self.model
        }

        fn dimensions(&self) -> usize {
            self.rows.ncols()
        }

        async fn embed(
            &self,
            texts: &[String],
            kind: TextKind,
            urgency: Urgency,
        ) -> Result<Array2<f32>, EmbedError> {
            self.asked.lock().unwrap().push((texts.to_vec(), kind, urgency));
            Ok(self.rows.clone())
        }
    }

    fn embedder(rows: Array2<f32>) -> Fixed {
        Fixed { model: ModelId::new("fixed").unwrap(), rows, asked: Mutex::default() }
    }

    fn passage(name: &str) -> Passage {
        Passage::of(&Product {
            product_id: ProductId::new(name).unwrap(),
            name: name.to_owned(),
            description: "for two".to_owned(),
            category: "tents".to_owned(),
            brand: None,
            price: Money::from_minor(1990, Currency::EUR).unwrap(),
            stock: 1,
            image_url: None,
            attributes: Default::default(),
            name_ko: None,
            description_ko: None,
            changed_at: None,
            history: Default::default(),
            group_id: None,
        })
    }

    #[tokio::test]
    async fn each_passage_gets_the_vector_of_its_row() {
        let (passages, embedder) = ([passage("a"), passage("b")], embedder(array![[1.0, 0.0], [0.6, 0.8]]));
        let writes = embed_passages(&embedder, &passages, Urgency::Urgent).await.unwrap();
        let texts = vec!["a. tents. for two".to_owned(), "b. tents. for two".to_owned()];
        for (write, (text, row)) in writes.iter().zip(texts.iter().zip([[1.0, 0.0], [0.6, 0.8]])) {
            assert!(text.starts_with(write.product_id.as_str()));
            assert_eq!(write.passage_hash, stable_hash128(text.as_bytes()));
            assert_eq!(write.vector.as_slice(), row);
        }
        assert_eq!(writes.len(), 2);
        assert_eq!(*embedder.asked.lock().unwrap(), [(texts, TextKind::Passage, Urgency::Urgent)]);
    }

    #[tokio::test]
    async fn an_answer_that_is_not_one_unit_vector_for_each_is_an_error_for_all() {
        let passages = [passage("a"), passage("b")];
        for rows in [array![[1.0, 0.0]], array![[1.0, 0.0], [2.0, 0.0]], array![[1.0, 0.0], [f32::NAN, 0.0]]]
        {
            let answer = embed_passages(&embedder(rows), &passages, Urgency::Backlog).await;
            assert!(matches!(answer, Err(EmbedError::Failed(_))), "{answer:?}");
        }
    }
}
