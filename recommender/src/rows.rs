/// A sparse matrix by rows (CSR): of each row, columns and values.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
    width: usize,
}

impl Rows {
    /// A matrix of `rows` with `width` columns; entries of a row at or past the width are left out.
    pub fn new(width: usize, rows: impl Iterator<Item = Vec<(u32, f32)>>) -> Self {
        let mut matrix = Self { starts: vec![0], columns: Vec::new(), values: Vec::new(), width };
        for row in rows {
            for (column, value) in row.into_iter().filter(|(column, _)| (*column as usize) < width) {
                matrix.columns.push(column);
                matrix.values.push(value);
            }
            matrix.starts.push(matrix.columns.len());
        }
        matrix
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many entries there are.
    pub fn entries(&self) -> usize {
        self.columns.len()
    }

    /// Columns and values of a row, as many of each.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.starts[row]..self.starts[row + 1];
        (&self.columns[range.clone()], &self.values[range])
    }

    /// Its columns as rows, each in the order of the rows here.
    pub fn transposed(&self) -> Self {
        let mut starts = vec![0; self.width + 1];
        for column in &self.columns {
            starts[*column as usize + 1] += 1;
        }
        for column in 0..self.width {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let mut columns = vec![0; self.entries()];
        let mut values = vec![0.0; self.entries()];
        for row in 0..self.len() {
            let (of_row, values_of_row) = self.row(row);
            for (column, value) in of_row.iter().zip(values_of_row) {
                let place = &mut next[*column as usize];
                columns[*place] = row as u32;
                values[*place] = *value;
                *place += 1;
            }
        }
        Self { starts, columns, values, width: self.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_twice_gives_the_same() {
        let rows = vec![vec![(0, 1.0), (2, 2.0)], vec![], vec![(1, 3.0), (2, 4.0), (7, 5.0)]];
        let matrix = Rows::new(3, rows.into_iter());
        let transposed = matrix.transposed();
        assert_eq!(transposed.row(2), (&[0, 2][..], &[2.0, 4.0][..]));
        assert_eq!((transposed.len(), transposed.width(), transposed.entries()), (3, 3, 4));
        assert_eq!(transposed.transposed(), matrix);
    }
}
