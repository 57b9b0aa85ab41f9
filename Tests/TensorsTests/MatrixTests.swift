import Tensors
import Testing

@Suite("Matrices and their windows")
struct MatrixTests {
  @Test("A new matrix is zero")
  func zero() {
    let matrix = Matrix(rowCount: 3, columnCount: 2)
    let elements = matrix.view.elements()
    #expect(elements == [0, 0, 0, 0, 0, 0])
  }

  @Test("Rows and columns of a view are windows onto the same numbers")
  func windows() {
    let matrix = Matrix(rowCount: 3, columnCount: 3, elements: [1, 2, 3, 4, 5, 6, 7, 8, 9])
    let window = matrix.rows(1..<3).columns(0..<2)
    let before = window.elements()
    #expect(before == [4, 5, 7, 8])
    window[1, 1] = 0
    let changed = matrix.view[2, 1]
    #expect(changed == 0)
    #expect(!window.isContiguous)
    #expect(window.rows(0..<1).isContiguous)
  }

  @Test("A workspace serves smaller shapes without gaps")
  func reshaping() {
    let matrix = Matrix(rowCount: 2, columnCount: 3, elements: [1, 2, 3, 4, 5, 6])
    let reshaped = matrix.view.reshaped(rowCount: 2, columnCount: 2)
    let sum = reshaped.withSpan { span in
      var sum: Float = 0
      for index in span.indices { sum += span[index] }
      return sum
    }
    #expect(sum == 10)
    #expect(reshaped.elements() == [1, 2, 3, 4])
  }

  @Test("A view outlives its matrix")
  func lifetime() {
    func make() -> MatrixView { Matrix(rowCount: 1, columnCount: 1, elements: [7]).view }
    #expect(make()[0, 0] == 7)
  }
}
