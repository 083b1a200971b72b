#include "order.h"

static bool is_comparable(const rv_parquet_node *leaf, rvi_pqr_order order, rv_parquet_bytes value)
{
    size_t width = rvi_pqr_order_width(order, leaf);
    return (width == 0 || value.len == width) && !rvi_pqr_is_nan(order, value);
}

bool rv_parquet_value_compare(const rv_parquet_node *leaf, rv_parquet_bytes a, rv_parquet_bytes b, int *order)
{
    rvi_pqr_order kind = rvi_pqr_order_of(leaf);
    if (kind == RVI_PQR_ORDER_NONE || !is_comparable(leaf, kind, a) || !is_comparable(leaf, kind, b))
        return false;
    *order = rvi_pqr_compare(kind, a, b);
    return true;
}
