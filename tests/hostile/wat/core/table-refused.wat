;; Grows a table until it is refused, and goes on without.
(table $t 1 funcref)
(func $misbehave
  (loop $more
    (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))))
