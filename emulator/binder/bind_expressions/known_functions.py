"""Functions that an Eventhouse has and this engine has not: they are refused by name rather than as unknown."""

_NAMES = """
    argmax argmin beta_cdf beta_inv beta_pdf buildschema convert_angle convert_energy convert_force
    convert_length convert_mass convert_speed convert_temperature convert_volume current_cluster_endpoint
    current_cursor current_node_id current_principal current_principal_details current_principal_is_member_of
    cursor_after cursor_before_or_at cursor_current datetime_list_timezones dcount_hll entity_group
    estimate_data_size extent_id extent_tags extentid external_table geo_angle geo_azimuth
    geo_closest_point_on_line geo_closest_point_on_polygon geo_distance_2points geo_distance_point_to_line
    geo_distance_point_to_polygon geo_from_wkt geo_geohash_neighbors geo_geohash_to_central_point
    geo_geohash_to_polygon geo_h3cell_children geo_h3cell_level geo_h3cell_neighbors geo_h3cell_parent
    geo_h3cell_rings geo_h3cell_to_central_point geo_h3cell_to_polygon geo_info_from_ip_address
    geo_intersection_2lines geo_intersection_2polygons geo_intersection_line_with_polygon
    geo_intersects_2lines geo_intersects_2polygons geo_intersects_line_with_polygon geo_line_buffer
    geo_line_centroid geo_line_densify geo_line_interpolate_point geo_line_length geo_line_locate_point
    geo_line_simplify geo_line_to_s2cells geo_point_buffer geo_point_in_circle geo_point_in_polygon
    geo_point_to_geohash geo_point_to_h3cell geo_point_to_s2cell geo_polygon_area geo_polygon_buffer
    geo_polygon_centroid geo_polygon_densify geo_polygon_perimeter geo_polygon_simplify geo_polygon_to_h3cells
    geo_polygon_to_s2cells geo_s2cell_neighbors geo_s2cell_to_central_point geo_s2cell_to_polygon
    geo_simplify_polygons_array geo_union_lines_array geo_union_polygons_array gzip_compress_to_base64_string
    hash_combine hash_many hll hll_if hll_isvalid hll_merge ingestion_time merge_tdigest node_degree_in
    node_degree_out node_id parse_command_line parse_path parse_user_agent parse_xml percentile_tdigest
    percentiles_array_tdigest percentrank_tdigest rank_tdigest row_id row_rank row_window_session
    rowstore_ordinal_range series_fit_2lines series_fit_2lines_dynamic series_periods_detect
    series_periods_validate series_seasonal stored_query_result tdigest tdigest_isvalid tdigest_merge treepath
    welch_test zlib_compress_to_base64_string
"""

NOT_BUILT = frozenset(_NAMES.split())
